"""Where the results of a stage go: one file for each job, committed whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stores.records import Failure, VideoFeatures, VideoItem


@dataclass(slots=True)
class Sink:
    """The files of a stage in ``folder``; travels to the workers.

    ``name`` gives the file of some video ids, ``write`` commits one, or raises StoreError;
    ``before`` names those that were there when the run began.
    """

    folder: Path
    name: Callable[[Sequence[str]], str]
    write: Callable[[Sequence[VideoFeatures], Sequence[Failure]], object]
    before: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.before = frozenset(path.name for path in self.folder.glob("*"))

    def is_done(self, items: Sequence[VideoItem]) -> bool:
        """Return whether this run committed exactly these videos, by a worker that was lost since.

        A file of an earlier run has them as failures that are tried again.
        """
        name = self.name([item.video_id for item in items])
        return name not in self.before and (self.folder / name).is_file()


def pending(
    items: Iterable[VideoItem],
    done: Container[str],
    failed: Container[str],
    *,
    retry_failed: bool = False,
) -> list[VideoItem]:
    """Return the items to read, in their order; those in ``failed`` only with ``retry_failed``."""
    return [
        item
        for item in items
        if item.video_id not in done and (retry_failed or item.video_id not in failed)
    ]
