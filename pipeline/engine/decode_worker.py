"""Decode workers: processes that read videos ahead of the encoder, a bounded number of chunks.

A decoder is native code on hostile input: it may hang with the GIL held, crash, or eat all memory.
So each lives in a process of its own, with a memory limit, and is killed by the kernel (a process
that is stuck hears nothing less) when it stays silent past its video's deadline.
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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from extract.probe import VideoProbe, probe
from extract.recipe import Recipe
from extract.video import Chunk, DecodeError, Decoder, read_probed
from pipeline.engine.cluster import CHUNK_FRAMES, PREFETCH

SLOWEST = 4.0
"""Seconds that decoding a second of video may take: 4K HEVC on one old core comes near it."""

_START_SECONDS = 300.0  # for a worker to import its libraries, on a busy machine
_LOG_READ = 1 << 16  # bytes of a lost worker's log that are looked at
_LAST_WORDS = 300  # characters of a lost worker's log that go into the reason


class DecoderLost(RuntimeError):
    """A decode worker died, passed its deadline, or ran out of its memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decode worker may take.

    ``deadline`` is the longest silence in seconds; a whole video may take that, or ``SLOWEST``
    times its own duration where that is more. ``memory`` is in bytes, over what an idle worker has.
    """

    deadline: float = 120.0
    memory: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Refused:
    """What a decode worker answers in place of a chunk when a file cannot be read (any further)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What a decode worker answers to a file it can read: how many seconds its frames last."""

    seconds: float


class DecodeWorker:
    """The actor: one video open at a time, one chunk an answer."""

    def __init__(self, log: str, memory: int) -> None:
        # FFmpeg's words and the stack of a crash go where the owner can still read them after it.
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        faulthandler.enable()
        _limit_memory(memory)
        self._chunks: Iterator[Chunk] = iter(())
        self.produced = 0

    def process(self) -> int:
        """Return the id of this process."""
        return os.getpid()

    def open(self, path: str, recipe: Recipe, decoder: Decoder) -> Opened | Refused:
        """Turn to another video; the one before is closed, finished or not."""
        try:
            facts = probe(path)
        except DecodeError as error:
            self._chunks = iter(())
            return Refused(str(error))
        self._chunks = read_probed(facts, recipe, decoder=decoder, chunk_frames=CHUNK_FRAMES)
        return Opened(footage_seconds(facts))

    def next(self) -> Chunk | Refused | None:
        """Return the next chunk, why there is none, or None past the end."""
        try:
            chunk = next(self._chunks, None)
        except DecodeError as error:
            return Refused(str(error))
        self.produced += chunk is not None
        return chunk

    def chunks_produced(self) -> int:
        """Return how many chunks were ever made here."""
        return self.produced


class Decoding:
    """A decode worker seen from the shard worker that owns it; replaces itself when it is lost."""

    def __init__(self, limits: Limits) -> None:
        """Start a worker on this node."""
        self._limits = limits
        self._process: int | None = None
        self._start()

    def _start(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._log, self._log_path = tempfile.mkstemp(prefix="decode-worker-")
        # No restarts by Ray: a restarted actor has lost its place in the video, and says nothing.
        # No CPUs: the shard worker has asked for those of its decoders.
        self.actor: ActorHandle = (
            ray.remote(DecodeWorker)
            .options(num_cpus=0, max_restarts=0, scheduling_strategy=here)
            .remote(self._log_path, self._limits.memory)
        )
        self._process = None

    def stream(self, path: str, recipe: Recipe, decoder: Decoder) -> Iterator[Chunk]:
        """Yield the chunks of a video in order, at most :data:`PREFETCH` of them ahead.

        Raises:
            DecodeError: The file cannot be read.
            DecoderLost: The worker died, took too long or too much memory; a new one is ready for
                the next video.
        """
        self._know_process()
        silence = self._limits.deadline
        opened: Opened | Refused = self._await(
            self.actor.open.remote(path, recipe, decoder), silence
        )
        if isinstance(opened, Refused):
            raise DecodeError(opened.reason)
        left = max(silence, SLOWEST * opened.seconds)
        patience = left  # decord may read a whole video before its first chunk
        ahead = deque(self.actor.next.remote() for _ in range(PREFETCH))
        while True:
            begun = time.monotonic()
            answer: Chunk | Refused | None = self._await(ahead.popleft(), min(patience, left))
            left -= time.monotonic() - begun  # while the encoder works no time runs
            patience = silence
            if answer is None:
                return
            if isinstance(answer, Refused):
                raise DecodeError(answer.reason)
            if answer.last is None:
                ahead.append(self.actor.next.remote())
            yield answer
            if answer.last is not None:
                return

    def _know_process(self) -> None:
        """Learn the process id of a fresh worker; how long it takes to start is not its video's."""
        if self._process is None:
            self._process = self._await(self.actor.process.remote(), _START_SECONDS)
            # Both hold it open: without a name it is gone with us, however we end.
            Path(self._log_path).unlink()

    def _await(self, reference: ray.ObjectRef[Any], seconds: float) -> Any:
        try:
            return ray.get(reference, timeout=max(seconds, 0.0))
        except ray.exceptions.GetTimeoutError as error:
            words = self._replace()
            raise DecoderLost(
                f"no frames within {seconds:.0f} s; decode worker killed{words}"
            ) from error
        except ray.exceptions.RayTaskError as error:
            words = self._replace()
            reason = _first_line(error.cause)
            if isinstance(error.cause, MemoryError):
                reason = f"more than {self._limits.memory >> 20} MiB of memory needed"
            raise DecoderLost(f"{reason}; decode worker ended{words}") from error
        except ray.exceptions.RayError as error:
            words = self._replace()
            raise DecoderLost(f"decode worker died: {_first_line(error)}{words}") from error

    def _replace(self) -> str:
        """Kill the worker, start another, and return the last words of the one that is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
        ray.kill(self.actor)
        words = _last_words(self._log)
        os.close(self._log)
        Path(self._log_path).unlink(missing_ok=True)
        self._start()
        return words


def footage_seconds(facts: VideoProbe) -> float:
    """Return how long a video lasts, as its deadline reckons: a second a frame at most.

    A header may state years; a frame that stays for longer is no reason to wait for its decoder.
    """
    return min(max(facts.frames / facts.rate, facts.seconds), float(facts.frames))


def _limit_memory(more: int) -> None:
    """Let this process allocate so many bytes more; past that allocations fail.

    The data limit leaves out shared memory, so chunks in Ray's object store do not count.
    """
    if sys.platform != "linux":
        return  # macOS has no such limit; Ray's own watch over the machine's memory remains
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    taken = next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, ((taken << 10) + more, hard))


def _last_words(log: int) -> str:
    """Return what a lost worker's log ends with, or how a crash begins, as part of a reason."""
    size = os.fstat(log).st_size
    text = os.pread(log, _LOG_READ, max(size - _LOG_READ, 0)).decode(errors="replace")
    crash = text.rfind("Fatal Python error")
    said = text[-_LAST_WORDS:] if crash < 0 else text[crash : crash + _LAST_WORDS]
    words = " ".join(said.split())
    return f" (its last words: {words})" if words else ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
