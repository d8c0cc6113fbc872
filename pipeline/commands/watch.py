"""``watch``: the videos of a folder scored as they are finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes, Positional

from pipeline.console import (
    DONE,
    SOME_FAILED,
    print_cautions,
    print_line,
    print_marked,
    progress_bar,
)
from pipeline.options import CheckpointLocation, EventOptions, Location, ReadOptions
from stores.files.names import counted
from stores.ranges import PositiveAmount, PositiveCount

if TYPE_CHECKING:
    from pipeline.stages.watch import WatchReport
    from stores.scores.rows import ScoredVideo


@dataclass(frozen=True)
class WatchRun:
    """Score the videos of a folder as they are finished, until told to stop (Ctrl-C, SIGTERM).

    Writes what `score` writes, into the same folder, and takes up where an earlier run ended.
    """

    folder: Positional[Path]
    """Folder in which videos appear, anywhere below it."""
    checkpoint: CheckpointLocation
    """Folder that `train` wrote, for example outputs/ucf/train."""
    out: Location | None = None
    """Folder for scores/, events/ and videos/; outputs/scores/<name of the folder> by default."""
    weights: str = ""
    """CLIP weights: a tag or a file; those named in the checkpoint by default."""
    settle: PositiveAmount = 5.0
    """Seconds for which a file's size and date must not change before it counts as finished; more
    where whoever writes it pauses for longer. An empty file is never finished, nor one whose name
    begins with a dot."""
    poll: PositiveAmount = 1.0
    """Seconds between two looks at the folder."""
    once: bool = False
    """End when everything that is there is scored."""
    idle_exit: PositiveAmount | None = None
    """End when nothing came for so many seconds."""
    videos_per_part: PositiveCount = 8
    """Whole videos in one Parquet part, where several are finished together."""
    events: OmitArgPrefixes[EventOptions] = EventOptions()
    """When scores become events."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


def execute(run: WatchRun) -> int:
    """Watch, print each video once it is scored, and return the exit code."""
    from pipeline.stages.watch import watch

    return render(watch(run, print_video, progress=progress_bar))


def print_video(video: ScoredVideo) -> None:
    """Print one video that a watcher has just scored, or could not."""
    if video.status == "failed":
        print_line(f"{video.video_id}: failed: {video.reason}")
        return
    line = f"{video.video_id}: {counted(video.events, 'event')}, peak {video.peak:.2f}"
    label = f", {video.label}" if video.label else ""
    print_line(f"{line}{label}{f' · {video.reason}' if video.is_marked else ''}")


def render(report: WatchReport) -> int:
    """Print what a watcher did; one that was stopped has done all that it should."""
    new = counted(report.new, "video")
    print_line(f"scores: {new} scored, {report.already} were there · {report.folder}")
    print_marked(report.marked, report.folder)
    print_cautions(report.cautions)
    return SOME_FAILED if report.failed and not report.stopped else DONE
