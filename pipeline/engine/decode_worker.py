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
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from extract.decoders import Decoder
from extract.recipe import Recipe
from extract.source import Chunk
from extract.video import open_video
from pipeline.engine.cluster import CHUNK_FRAMES
from stores.files.content import still_holds
from stores.files.locations import local_copy, location
from stores.records import Content


class OutOfReachError(RuntimeError):
    """This node does not hold what the shard worker's node holds at a path."""


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
        if log:
            # FFmpeg's messages and a crash's stack go where the owner can read them afterwards.
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
            os.dup2(descriptor, 2)
            os.close(descriptor)
        faulthandler.enable()
        _limit_memory(memory)
        self._chunks: Iterator[Chunk] = iter(())
        self._copy = ExitStack()
        self.produced = 0
        self.busy = 0.0

    def process(self) -> int:
        """Return the id of this process."""
        return os.getpid()

    def reach(self, path: str, content: Content) -> str:
        """Return where this node has a video: its path, or that of a copy of what a URL names.

        The copy is kept until the next call.

        Raises:
            OutOfReachError: There is none of that content.
            StoreError: It cannot be fetched.
        """
        self._chunks = iter(())
        self._copy.close()
        if not still_holds(path, content):
            raise OutOfReachError(path)
        return str(self._copy.enter_context(local_copy(location(path))))

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


def kill_process(process: int) -> None:
    """Kill a process of the node that this runs on, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
