"""Decode workers as their owner sees them: fed with videos, waited for, killed and replaced."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
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
from pipeline.engine.cluster import PREFETCH
from pipeline.engine.decode_worker import DecodeWorker, Limits, OutOfReachError, kill_process
from pipeline.engine.nodes import node_without_gpu
from stores.files.sequences import IMAGE_RATE
from stores.records import Content, StoreError

_START_SECONDS = 300.0  # for a worker to import its libraries, on a busy machine
_LOOK = 5.0  # seconds between two looks for a node that could help
_PLACING = 120.0  # for a node to have a core and start a worker; then another one is asked
_LOG_READ = 1 << 16  # bytes of a lost worker's log that are searched for a crash
_LOG_EXCERPT = 300  # characters of a lost worker's log that go into the reason


class DecoderLost(RuntimeError):
    """A decode worker died, passed its deadline, or ran out of its memory."""


class DecoderClient:
    """A decode worker seen from the shard worker that owns it; replaces itself when it is lost.

    One that ``helps`` lives on another node, with a core of that, for as long as there is one.
    """

    def __init__(self, limits: Limits, *, helps: bool = False) -> None:
        self.limits = limits
        self.helps = helps
        self.busy = 0.0
        """Seconds that its workers were busy, up to their latest chunk."""
        self.address = ""
        """The other node that its worker lives on."""
        self._process: int | None = None
        if not helps:
            self._start(ray.get_runtime_context().get_node_id())

    @property
    def is_up(self) -> bool:
        """Whether there is a worker, or one is on its way on this very node."""
        return not self.helps or self._process is not None

    def settle(self) -> None:
        """Wait until a worker that helps is there, on whichever node has a core for it."""
        while self.helps and self._process is None:
            found = node_without_gpu()
            if found is None:
                time.sleep(_LOOK)
                continue
            node, self.address = found
            self._start(node)
            try:
                self._process = ray.get(self.actor.process.remote(), timeout=_PLACING)
            except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
                ray.kill(self.actor)
                time.sleep(_LOOK)

    def end(self) -> None:
        """End the worker for good, and free its core."""
        ray.kill(self.actor)

    def _start(self, node: str) -> None:
        self._node = NodeAffinitySchedulingStrategy(node, soft=False)
        # What another node's worker says last is not ours to read.
        self._log, self._log_path = (-1, "") if self.helps else _make_log()
        # No restarts by Ray: a restarted actor has lost its place in the video, and says nothing.
        # No CPUs here: the shard worker has asked for those of its decoders. No record of each
        # call, which Ray's server would keep: 10 kB a short video, up to 100,000 calls.
        self.actor: ActorHandle = (
            ray.remote(DecodeWorker)
            .options(
                num_cpus=int(self.helps),
                max_restarts=0,
                enable_task_events=False,
                scheduling_strategy=self._node,
            )
            .remote(self._log_path, self.limits.memory)
        )
        self._process = None
        self._seen = 0.0  # of this worker's busy seconds

    def reach(self, path: str, content: Content) -> str:
        """Return where the node of a worker that helps has a video of this content.

        Raises:
            OutOfReachError: It has none.
            StoreError: It cannot fetch it.
            DecoderLost: As :meth:`stream`.
        """
        found: str = self._get(self.actor.reach.remote(path, content), None)
        return found

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

    def _get(self, reference: ray.ObjectRef[Any], seconds: float | None) -> Any:
        try:
            return ray.get(reference, timeout=None if seconds is None else max(seconds, 0.0))
        except ray.exceptions.GetTimeoutError as error:
            reason = f"no frames within {seconds:.0f} s; decode worker killed"
            raise DecoderLost(reason + self._replace_worker()) from error
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DecodeError | OutOfReachError | StoreError):
                raise error.cause from None
            reason = _first_line(error.cause)
            if isinstance(error.cause, MemoryError):
                reason = f"more than {self.limits.memory >> 20} MiB of memory needed"
            raise DecoderLost(f"{reason}; decode worker ended{self._replace_worker()}") from error
        except ray.exceptions.RayError as error:
            reason = f"decode worker died: {_first_line(error)}"
            raise DecoderLost(reason + self._replace_worker()) from error

    def _replace_worker(self) -> str:
        """Kill the worker, start another, and return the end of the lost one's log.

        One that helps is started by :meth:`settle`, when there is a node for it.
        """
        if self._process is not None:
            self._kill(self._process)
        ray.kill(self.actor)
        self._process = None
        if self.helps:
            return ""
        excerpt = _log_excerpt(self._log)
        os.close(self._log)
        _remove_name(self._log_path)
        self._start(self._node.node_id)
        return excerpt

    def _kill(self, process: int) -> None:
        if not self.helps:
            kill_process(process)
            return
        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": self._node}
        ray.remote(kill_process).options(**options).remote(process)  # in vain where it is gone


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
