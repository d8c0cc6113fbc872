"""Where the results of a stage go: one file for each job, committed whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stores.records import Failure, VideoFeatures, VideoItem


@dataclass(frozen=True, slots=True)
class Sink:
    """The files of a stage in ``folder``; travels to the workers.

    ``name`` gives the file of a generation and some video ids; ``write`` commits one of videos,
    failures and their generation, or raises StoreError.
    """

    folder: Path
    name: Callable[[int, Sequence[str]], str]
    write: Callable[[Sequence[VideoFeatures], Sequence[Failure], int], object]

    def is_done(self, items: Sequence[VideoItem], generation: int) -> bool:
        """Return whether these videos are committed already, by a worker that was lost since.

        What is read again is of a later generation, so an earlier run's file is not taken for it.
        """
        return (self.folder / self.name(generation, [i.video_id for i in items])).is_file()
