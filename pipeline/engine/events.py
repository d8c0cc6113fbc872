"""What shard workers report while a stage runs, and who may show it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from stores.records import Failure, VideoItem

logger = logging.getLogger(__name__)

Other = TypeVar("Other")

_TELLING = 0.5
"""Seconds between two reports of frames: a cluster's driver hears from hundreds of decoders."""

_IS_LIMIT = 0.9
"""Share of the time from which on something was what the rest waited for."""


@dataclass(frozen=True, slots=True)
class FramesRead:
    """So many sampled frames of some video were decoded."""

    frames: int


@dataclass(frozen=True, slots=True)
class VideoFinished:
    """A video's results were committed; ``is_marked`` where it is not what it announces."""

    item: VideoItem
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class VideoFailed:
    """A video could not be read, and why; that was committed."""

    failure: Failure

    @property
    def item(self) -> VideoItem:
        """The video."""
        return self.failure.item


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a worker has to say to the user."""

    line: str


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What kept a shard worker busy since its first job began: seconds of ``wall`` time.

    ``encoding`` are those of its device, ``decoding`` those of all its ``decoders`` together.
    """

    worker: int
    wall: float
    encoding: float
    decoding: float
    decoders: int


VideoOutcome: TypeAlias = VideoFinished | VideoFailed
WorkerEvent: TypeAlias = FramesRead | VideoOutcome | Remark | WorkerLoad

ProgressBar: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[WorkerEvent], None]]]
"""Opens a bar with a title for a number of videos; the context yields what takes the events."""

TitledBar: TypeAlias = Callable[[int], AbstractContextManager[Callable[[WorkerEvent], None]]]
"""The same with its title given."""


@dataclass(slots=True)
class Tally:
    """What a run came to."""

    done: int = 0
    marked: int = 0
    failures: list[Failure] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0
    loads: dict[int, WorkerLoad] = field(default_factory=dict)
    """What kept each worker busy, where that is known."""

    def add(self, event: WorkerEvent) -> None:
        """Count one event."""
        match event:
            case FramesRead(frames):
                self.frames += frames
            case VideoFinished(_, is_marked):
                self.done += 1
                self.marked += is_marked
            case VideoFailed(failure):
                self.failures.append(failure)
            case Remark(line):
                logger.info("%s", line)
            case WorkerLoad(worker):
                self.loads[worker] = event


def added_up(outputs: Iterable[FramesRead | Other]) -> Iterator[FramesRead | Other]:
    """Yield the same, but with frames added up: told now and then, and in the end."""
    frames, told = 0, time.monotonic()
    for output in outputs:
        if isinstance(output, FramesRead):
            frames += output.frames
            if time.monotonic() - told > _TELLING:
                yield FramesRead(frames)
                frames, told = 0, time.monotonic()
        else:
            yield output
    if frames:
        yield FramesRead(frames)


def describe_load(loads: Iterable[WorkerLoad]) -> str:
    """Say how busy GPUs and decoders were, and which of them the others waited for."""
    loads = list(loads)
    wall = sum(load.wall for load in loads)
    places = sum(load.wall * load.decoders for load in loads)
    gpu = sum(load.encoding for load in loads) / wall
    decoders = sum(load.decoding for load in loads) / places
    line = f"GPU busy {gpu:.0%}, decoders {decoders:.0%}"
    if gpu >= _IS_LIMIT:
        return f"{line}: the GPU was the limit"
    if decoders >= _IS_LIMIT:
        needed = math.ceil(places / wall * decoders / gpu) if gpu else 0
        many = f"{needed} a GPU would have filled it, there were {places / wall:.0f}"
        return f"{line}: the decoders were the limit; {many}"
    return f"{line}: neither was the limit all the time"


@contextmanager
def no_progress(title: str, videos: int) -> Iterator[Callable[[WorkerEvent], None]]:
    """Show nothing."""
    yield lambda _: None
