"""Decode workers: processes that read videos ahead of the encoder, a bounded number of chunks.

A decoder is native code on hostile input: it may hang with the GIL held, crash, or eat all memory.
So each lives in a process of its own, with a memory limit, and is killed with SIGKILL (nothing less
ends a process that is stuck) when it stays silent past its video's deadline.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from extract.container import DecodeError
from extract.decoders import Decoder
from extract.killable import SLOWEST
from extract.recipe import Recipe
from extract.source import Chunk
from extract.video import open_video
from pipeline.engine.cluster import CHUNK_FRAMES, PREFETCH
from stores.files.sequences import IMAGE_RATE

_START_SECONDS = 300.0  # for a worker to import its libraries, on a busy machine
_LOG_READ = 1 << 16  # bytes of a lost worker's log that are searched for a crash
_LOG_EXCERPT = 300  # characters of a lost worker's log that go into the reason


class DecoderLost(RuntimeError):
    """A decode worker died, passed its deadline, or ran out of its memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decode worker may take.

    ``deadline`` is the longest silence in seconds; a whole video may take that, or ``SLOWEST``
    times its own duration where that is more. ``memory`` is in bytes, over what an idle worker has.
    """

    deadline: float
    memory: int


class DecodeWorker:
    """The actor: one video open at a time, one chunk an answer.

    Counts the chunks it ``produced`` and the seconds it was ``busy``.
    """

    def __init__(self, log: str, memory: int) -> None:
        # FFmpeg's messages and the stack of a crash go where the owner can read them afterwards.
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        faulthandler.enable()
        _limit_memory(memory)
        self._chunks: Iterator[Chunk] = iter(())
        self.produced = 0
        self.busy = 0.0

    def process(self) -> int:
        """Return the id of this process."""
        return os.getpid()

    def open(self, path: str, recipe: Recipe, decoder: Decoder, image_rate: float) -> float:
        """Close the video before, open another, and return its seconds, or raise DecodeError."""
        with self._timed():
            self._chunks = iter(())  # what it holds is freed before the next video is opened
            video = open_video(path, recipe, decoder=decoder, image_rate=image_rate)
            self._chunks = video.chunks(CHUNK_FRAMES)
            return video.seconds

    def next(self) -> tuple[Chunk | None, float]:
        """Return the next chunk, None past the end, and the seconds it was busy up to here.

        Raises:
            DecodeError: The file cannot be read any further, and why.
        """
        with self._timed():
            chunk = next(self._chunks, None)
        self.produced += chunk is not None
        return chunk, self.busy

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.busy += time.monotonic() - begun


class DecoderClient:
    """A decode worker seen from the shard worker that owns it; replaces itself when it is lost."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.busy = 0.0
        """Seconds that its workers were busy, up to their latest chunk."""
        self._start()

    def _start(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._log, self._log_path = _make_log()
        # No restarts by Ray: a restarted actor has lost its place in the video, and says nothing.
        # No CPUs: the shard worker has asked for those of its decoders. No record of each call,
        # which Ray's server would keep: 10 kB a short video, up to 100,000 calls.
        self.actor: ActorHandle = (
            ray.remote(DecodeWorker)
            .options(num_cpus=0, max_restarts=0, enable_task_events=False, scheduling_strategy=here)
            .remote(self._log_path, self.limits.memory)
        )
        self._process: int | None = None
        self._seen = 0.0  # of this worker's busy seconds

    def stream(
        self, path: str, recipe: Recipe, decoder: Decoder, image_rate: float = IMAGE_RATE
    ) -> Iterator[Chunk]:
        """Yield the chunks of a video in order, at most :data:`PREFETCH` of them ahead.

        Raises:
            DecodeError: The file cannot be read.
            DecoderLost: The worker died, took too long or too much memory; a new one is ready for
                the next video.
        """
        self._wait_for_start()
        silence = self.limits.deadline
        opened = self.actor.open.remote(path, recipe, decoder, image_rate)
        seconds: float = self._get(opened, silence)
        left = max(silence, SLOWEST * seconds)
        patience = left  # decord may read a whole video before its first chunk
        ahead = deque(self.actor.next.remote() for _ in range(PREFETCH))
        chunk: Chunk | None
        while True:
            begun = time.monotonic()
            chunk, busy = self._get(ahead.popleft(), min(patience, left))
            self.busy += busy - self._seen
            self._seen = busy
            left -= time.monotonic() - begun  # while the encoder works no time runs
            patience = silence
            if chunk is None:
                return
            if chunk.last is None:
                ahead.append(self.actor.next.remote())
            yield chunk
            if chunk.last is not None:
                return

    def _wait_for_start(self) -> None:
        """Ask a new worker for its process id; its start does not count as its video's time."""
        if self._process is None:
            self._process = self._get(self.actor.process.remote(), _START_SECONDS)
            _remove_name(self._log_path)  # both hold the file open

    def _get(self, reference: ray.ObjectRef[Any], seconds: float) -> Any:
        try:
            return ray.get(reference, timeout=max(seconds, 0.0))
        except ray.exceptions.GetTimeoutError as error:
            reason = f"no frames within {seconds:.0f} s; decode worker killed"
            raise DecoderLost(reason + self._replace_worker()) from error
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DecodeError):
                raise error.cause from None
            reason = _first_line(error.cause)
            if isinstance(error.cause, MemoryError):
                reason = f"more than {self.limits.memory >> 20} MiB of memory needed"
            raise DecoderLost(f"{reason}; decode worker ended{self._replace_worker()}") from error
        except ray.exceptions.RayError as error:
            reason = f"decode worker died: {_first_line(error)}"
            raise DecoderLost(reason + self._replace_worker()) from error

    def _replace_worker(self) -> str:
        """Kill the worker, start another, and return the end of the lost one's log."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
        ray.kill(self.actor)
        excerpt = _log_excerpt(self._log)
        os.close(self._log)
        _remove_name(self._log_path)
        self._start()
        return excerpt


def _make_log() -> tuple[int, str]:
    """Return a file and where others open it: one of memory alone, gone with us however we end."""
    if sys.platform == "linux":
        log = os.memfd_create("decode-worker")
        return log, f"/proc/{os.getpid()}/fd/{log}"
    else:  # noqa: RET505 - macOS, where two can open none without a name
        return tempfile.mkstemp(prefix="decode-worker-")


def _remove_name(log: str) -> None:
    if not log.startswith("/proc/"):
        Path(log).unlink(missing_ok=True)


def _limit_memory(more: int) -> None:
    """Let this process allocate so many bytes more; beyond that allocations fail.

    The data limit leaves out shared memory, so chunks in Ray's object store do not count.
    """
    if sys.platform != "linux":
        return  # macOS has no such limit; Ray's own watch over the machine's memory remains
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    used = next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, ((used << 10) + more, hard))


def _log_excerpt(log: int) -> str:
    """Return what a lost worker's log ends with, or how a crash begins, as part of a reason."""
    size = os.fstat(log).st_size
    text = os.pread(log, _LOG_READ, max(size - _LOG_READ, 0)).decode(errors="replace")
    crash = text.rfind("Fatal Python error")
    excerpt = text[-_LOG_EXCERPT:] if crash < 0 else text[crash : crash + _LOG_EXCERPT]
    line = " ".join(excerpt.split())
    return f" (its last words: {line})" if line else ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
