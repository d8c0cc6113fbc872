"""``report``: pages to look at scores with."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console import DONE, print_cautions, print_line
from pipeline.options import Location
from stores.files.names import counted
from stores.ranges import Count, PositiveAmount

if TYPE_CHECKING:
    from pipeline.views.report.build import ReportPages


@dataclass(frozen=True)
class ReportRun:
    """Write pages to look at scores with: every video, its curve, its events, what failed."""

    scores: Location | None = None
    """Folder with scores/, events/ and videos/; the one that was written last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs, searched when no scores are given, and for the truth of videos."""
    videos: Location | None = None
    """Folder of the videos, or the one video, where the scores are a copy: runs of another machine,
    or a folder that was copied. Videos of other scores are opened where they were scored."""
    proxies: bool = False
    """Make H.264 copies of the videos that browsers do not play, 480 pixels at most."""
    deadline: PositiveAmount = 120.0
    """Seconds that a video's thumbnails may take, or its copy where four times its duration is
    less; what takes longer is killed, and the page says so."""
    previews: Count = 500
    """Incidents that get a moving preview: those with the highest peaks."""
    time_zone: str | None = None
    """Time zone in which incidents are shown, as Europe/Berlin; times in names are taken to be of
    it. By default times are shown as the names or files have them."""
    name_times: str | None = None
    """How your recorder writes times into names, as gate_%Y%m%d-%H%M%S (%s is Unix time); the usual
    forms are known."""
    camera: str | None = None
    """Regular expression that finds the camera in a video's path, or the first group of it; by
    default the folder and what stands before a time."""
    dataset: str | None = None
    """Data set of the videos, whose truth is shown; found below OUT by default."""
    root: Location | None = None
    """Folder of that data set."""
    lists: Location | None = None
    """Folder of its lists; the root or one folder below it by default."""


def execute(run: ReportRun) -> int:
    """Write the report, print where it is and return the exit code."""
    from pipeline.views.report.build import write_report

    return render(write_report(run))


def render(pages: ReportPages) -> int:
    """Print where the report is, and what it cannot show."""
    print_line(f"report, open it in a browser: {pages.page}")
    folder = pages.page.parents[1]
    if pages.gone:
        where = "are not where they were scored: curves alone"
        print_line(f"  {pages.gone} of {pages.videos} videos {where}")
    if pages.changed:
        print_line(
            f"  {pages.changed} of {pages.videos} videos changed since they were scored, and are "
            "not shown; score them again"
        )
    if pages.refused:
        print_line(
            f"  {pages.refused} of {pages.videos} videos were not opened, since these scores are a "
            "copy; --videos says where they lie"
        )
    if pages.unplayed:
        print_line(
            f"  {counted(pages.unplayed, 'video')} that most browsers do not play; copies are made "
            f"by: python -m pipeline report --scores {shlex.quote(str(folder))} --proxies"
        )
    print_cautions(pages.cautions)
    return DONE
