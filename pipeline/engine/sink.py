"""Where the results of a stage go: one file for each job, committed whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.events import VideoOutcome
from stores.records import Failure, VideoFeatures, VideoItem


@dataclass(frozen=True, slots=True)
class Sink:
    """The files of a stage in ``folder``; travels to the workers.

    ``name`` gives the file of a generation and some video ids; ``write`` commits one of videos,
    failures and their generation, and ``read`` tells from such a file what became of its videos;
    both raise StoreError.
    """

    folder: Path
    name: Callable[[int, Sequence[str]], str]
    write: Callable[[Sequence[VideoFeatures], Sequence[Failure], int], object]
    read: Callable[[Path], Iterable[VideoOutcome]]

    def is_done(self, items: Sequence[VideoItem], generation: int) -> bool:
        """Return whether these videos are committed already, by a worker that was lost since.

        What is read again is of a later generation, so an earlier run's file is not taken for it.
        """
        return self._file(items, generation).is_file()

    def outcomes(self, items: Sequence[VideoItem], generation: int) -> Iterable[VideoOutcome]:
        """Return what became of these videos, which are committed."""
        return self.read(self._file(items, generation))

    def _file(self, items: Sequence[VideoItem], generation: int) -> Path:
        return self.folder / self.name(generation, [item.video_id for item in items])
