"""``search``: moments of extracted videos that a text describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tyro.conf import Positional

from pipeline.console import DONE, print_cautions, print_table
from pipeline.options import Location
from stores.files.names import clock, counted
from stores.ranges import Amount, PositiveCount

if TYPE_CHECKING:
    from pipeline.stages.search import SearchReport


@dataclass(frozen=True)
class SearchRun:
    """Rank moments of extracted videos by how well a text describes them; no video is read."""

    features: Positional[Location]
    """Folder of shards, for example outputs/ucf/features."""
    text: Positional[str]
    """What to look for, in plain English, such as "smoke in a corridor"."""
    top: PositiveCount = 10
    """Moments to show."""
    apart: Amount = 10.0
    """Seconds between two moments of one video: a nearer one is the same moment."""
    weights: str = ""
    """CLIP weights for the text: a tag or a file; 'openai' by default."""


def execute(run: SearchRun) -> int:
    """Search, print the moments and return the exit code."""
    from pipeline.stages.search import search

    return render(search(run))


def render(report: SearchReport) -> int:
    """Print the moments, the likest first."""
    print_table(
        f"{report.text!r} in {counted(report.videos, 'video')} of {report.folder}",
        {"video": "left", "from": "right", "to": "right", "cosine": "right"},
        [
            (each.video_id, clock(each.start), clock(each.end), f"{each.similarity:.3f}")
            for each in report.moments
        ],
    )
    print_cautions(filter(None, [report.caution]))
    return DONE
