"""What users read on the terminal: results on standard output, all else on standard error.

Rich is imported once something is printed, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stores.files.names import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.engine.events import WorkerEvent
    from stores.records import Failure

DONE, MISTAKE, SOME_FAILED = 0, 2, 3
"""Exit codes; ``pipeline.signals`` has those of a command that was ended."""

SHOWN = 10
"""Failures, events and names of a kind that are printed; the files hold all."""


def print_line(line: str) -> None:
    """Print one line of results."""
    _console().print(line, soft_wrap=True)


def print_table(
    title: str, columns: Mapping[str, Literal["left", "right"]], rows: Iterable[Sequence[str]]
) -> None:
    """Print a table of results; ``columns`` says how each is justified."""
    from rich.table import Table

    table = Table(title=title)
    for name, justify in columns.items():
        table.add_column(name, justify=justify)
    for row in rows:
        table.add_row(*map(one_line, row))
    _console().print(table)


def print_failures(failures: Sequence[Failure]) -> int:
    """Print the first failures with their reasons; return the exit code that goes with them."""
    print_some([one_line(f"failed: {f.item.video_id}: {f.reason}") for f in failures])
    return SOME_FAILED if failures else DONE


def print_changed(redone: int, kept: int) -> None:
    """Print how many files changed since results were made of them, and what became of these."""
    if redone:
        print_line(f"  {redone} of them again, since their files changed")
    if kept:
        print_line(f"  {counted(kept, 'file')} changed since, and kept the results that were there")


def print_marked(videos: int, folder: Path) -> None:
    """Say how many videos of a folder do not hold what they announce, and how to see which."""
    if videos:
        many = "video is not what its file announces"
        if videos > 1:
            many = "videos are not what their files announce"
        print_line(f"  {videos} {many}; see why: python -m pipeline failures {folder}")


def print_cautions(cautions: Iterable[str]) -> None:
    """Print what has to be said of a model or its scores, as the last lines of a command."""
    for caution in cautions:
        print_line(f"CAUTION: {caution}")


def print_some(lines: Sequence[str]) -> None:
    """Print the first lines of a list, indented, and how many more there are."""
    for line in lines[:SHOWN]:
        print_line(f"  {line}")
    if len(lines) > SHOWN:
        print_line(f"  … and {len(lines) - SHOWN} more")


def speed(frames: int, seconds: float) -> str:
    """Return how many frames a command read and how quickly, as the end of a line of results."""
    if not frames:
        return ""
    return f"; {frames:,} frames in {seconds:.1f} s, {frames / seconds:,.0f}/s"


@contextmanager
def progress_bar(title: str, videos: int) -> Iterator[Callable[[WorkerEvent], None]]:
    """Show videos, frames a second, time left and failures; the bar is gone when the block ends."""
    from rich import progress

    from pipeline.engine.events import FramesRead, VideoFailed, VideoFinished

    bar = progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("videos · {task.fields[frames]:,} frames, {task.fields[speed]:,.0f}/s"),
        progress.TextColumn("· {task.fields[failed]} failed ·"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("ETA"),
        progress.TimeRemainingColumn(),
        console=_console(stderr=True),
        transient=True,
    )
    task_id = bar.add_task(title, total=videos, frames=0, speed=0.0, failed=0)
    task = bar.tasks[0]

    def show(event: WorkerEvent) -> None:
        if isinstance(event, FramesRead):
            frames = task.fields["frames"] + event.frames
            speed = frames / task.elapsed if task.elapsed else 0.0
            bar.update(task_id, frames=frames, speed=speed)
        elif isinstance(event, VideoFinished | VideoFailed):
            failed = task.fields["failed"] + isinstance(event, VideoFailed)
            bar.update(task_id, advance=1, failed=failed)

    with bar:
        yield show


class _PlainLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _console(stderr=True).print(one_line(self.format(record)), soft_wrap=True)


_PLAIN_LINES = _PlainLines()  # one, which a logger takes only once


def show_logs() -> None:
    """Show what our packages log, from INFO on, as plain lines on standard error."""
    for name in ("stores", "extract", "model", "pipeline"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(_PLAIN_LINES)


@cache
def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    # Names are only names: "[red]" is no colour in them and ":fire:" no picture.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
