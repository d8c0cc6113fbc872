"""Progress of a Ray stage on the terminal: videos, frames a second, time left, failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:  # it brings Ray along, and not all that is told comes from there
    from pipeline.engine.shard_worker import Progress as News

console = Console(stderr=True, markup=False, emoji=False)
"""Everything that is told while a command works; results go to standard output."""


class Meter:
    """Counts what shard workers tell, and shows it."""

    def __init__(self, bar: Progress, title: str, videos: int) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=videos, frames=0, speed=0.0, failed=0)
        self.frames = 0
        self.failed = 0

    def hear(self, news: News) -> None:
        """Take one piece of news."""
        self.frames += news.frames
        self.failed += news.failure is not None
        ended = news.finished is not None or news.failure is not None
        elapsed = self._bar.tasks[self._task].elapsed or 0.0
        self._bar.update(
            self._task,
            advance=int(ended),
            frames=self.frames,
            speed=self.frames / elapsed if elapsed > 0 else 0.0,
            failed=self.failed,
        )


@contextmanager
def metering(title: str, videos: int) -> Iterator[Meter]:
    """Yield a meter for so many videos; its bar is gone from a terminal when the block ends."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("videos · {task.fields[frames]:,} frames, {task.fields[speed]:,.0f}/s"),
        TextColumn("· {task.fields[failed]} failed ·"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        yield Meter(bar, title, videos)
