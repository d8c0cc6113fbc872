"""``verify``: is everything that was written whole?"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from pipeline.console import DONE, SOME_FAILED, print_line
from pipeline.options import Location
from stores.files.names import one_line


@dataclass(frozen=True)
class VerifyRun:
    """Read every byte of all features, scores and checkpoints below a folder and check it."""

    folder: Positional[Location]
    """Folder of outputs, or any part of it."""
    repair: bool = False
    """Set what is damaged aside, so that the same command that made it makes it anew."""


def execute(run: VerifyRun) -> int:
    """Check everything, print what is damaged and where a repair put it; return the exit code."""
    from pipeline.stages.verify import verify

    report = verify(run)
    for each in report.damaged:
        reason = one_line(each.reason)
        print_line(reason if reason.startswith("damaged") else f"damaged: {reason}")
    for path in report.moved:
        print_line(f"set aside: {path}")
    whole = report.checked - len(report.damaged)
    print_line(f"{whole} of {report.checked} shards, parts and checkpoints are whole")
    if report.moved:
        print_line(
            "run the same extract, score or train again: only what was set aside is made anew"
        )
    return SOME_FAILED if report.damaged and not report.moved else DONE
