"""``failures``: the videos that could not be read, and why."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from pipeline.console import DONE, print_line
from pipeline.options import Location
from stores.files.names import counted, one_line


@dataclass(frozen=True)
class FailuresRun:
    """List the videos below a folder of outputs that could not be read, and why."""

    folder: Positional[Location]
    """Folder of outputs, or any part of it."""


def execute(run: FailuresRun) -> int:
    """Print every failure with its reason; return the exit code."""
    from stores.failures import list_failures

    rows = list_failures(run.folder)
    for row in rows:
        print_line(one_line(f"{row.status}: {row.folder}: {row.video_id}: {row.reason}"))
    print_line(f"failed, read in part or not as announced: {counted(len(rows), 'video')}")
    return DONE
