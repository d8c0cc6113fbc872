"""``score``: new videos to Parquet scores and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from pipeline.commands import report as report_command
from pipeline.console import (
    SHOWN,
    print_cautions,
    print_changed,
    print_failures,
    print_line,
    print_marked,
    print_table,
    progress_bar,
    speed,
)
from pipeline.options import (
    CheckpointLocation,
    EventOptions,
    Location,
    ReadOptions,
    ZeroShotOptions,
)
from stores.files.names import clock, counted
from stores.ranges import PositiveCount

if TYPE_CHECKING:
    from pipeline.stages.score import ScoreReport


@dataclass(frozen=True)
class ScoreRun:
    """Score new videos in one pass: decode, CLIP, the checkpoint's head, Parquet."""

    videos: Location
    """A video, or a folder with videos anywhere below it."""
    checkpoint: CheckpointLocation
    """Folder that `train` wrote, for example outputs/ucf/train; or zero-shot, for CLIP itself with
    your own class texts, for which nothing is trained."""
    out: Location | None = None
    """Folder for scores/, events/ and videos/; outputs/scores/<name of the folder> by default."""
    weights: str = ""
    """CLIP weights: a tag or a file; those named in the checkpoint by default."""
    videos_per_part: PositiveCount = 8
    """Whole videos in one Parquet part: what a crash can lose."""
    report: bool = True
    """Write pages to look at the scores with; --no-report leaves that to `report`."""
    zero_shot: OmitArgPrefixes[ZeroShotOptions] = ZeroShotOptions()
    """What zero-shot CLIP scores by."""
    events: OmitArgPrefixes[EventOptions] = EventOptions()
    """When scores become events."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


def execute(run: ScoreRun) -> int:
    """Score what is missing, print the strongest events, write the report; return the exit code."""
    from pipeline.stages.score import score
    from stores.files.locations import is_remote

    code = render(report := score(run, progress=progress_bar))
    if run.report and not is_remote(report.folder):
        report_command.execute(report_command.ReportRun(scores=report.folder))
    else:  # the report's own last lines else
        print_cautions(report.cautions)
    return code


def render(report: ScoreReport) -> int:
    """Print what a scoring run did, and the strongest events of its folder."""
    print_line(
        f"scores: {counted(report.new, 'video')} scored, {report.already} were there"
        f"{speed(report.frames, report.seconds)} · {report.folder}"
    )
    print_changed(report.redone, report.kept)
    print_marked(report.marked, report.folder)
    _print_events(report.folder)
    return print_failures(report.failures)


def _print_events(folder: Path) -> None:
    from stores.scores.reader import read_events

    if events := read_events(folder):
        print_table(
            f"strongest of {counted(len(events), 'event')}",
            {"video": "left", "from": "right", "to": "right", "class": "left", "peak": "right"},
            [
                (name, clock(e.start_time), clock(e.end_time), e.label, f"{e.peak:.2f}")
                for name, e in events[:SHOWN]
            ],
        )
