"""What shard workers report while a stage runs, and who may show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from stores.records import Failure, VideoItem


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
    """A video could not be read, and why."""

    failure: Failure


WorkerEvent: TypeAlias = FramesRead | VideoFinished | VideoFailed

ProgressBar: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[WorkerEvent], None]]]
"""Opens a bar with a title for a number of videos; the context yields what takes the events."""

TitledBar: TypeAlias = Callable[[int], AbstractContextManager[Callable[[WorkerEvent], None]]]
"""The same with its title given."""


@contextmanager
def no_progress(title: str, videos: int) -> Iterator[Callable[[WorkerEvent], None]]:
    """Show nothing."""
    yield lambda _: None
