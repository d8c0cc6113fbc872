"""``plot``: one scored video as a picture, and as a copy with its scores burnt in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from pipeline.console import DONE, print_line
from pipeline.options import Location
from stores.ranges import PositiveAmount


@dataclass(frozen=True)
class PlotRun:
    """Draw one scored video as a PNG: curve, threshold, events by class, and thumbnails."""

    video: Positional[str]
    """Its id in the scores (its path below the folder that was scored), or the end of it."""
    scores: Location | None = None
    """Folder with scores/, events/ and videos/; the one that was written last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs, searched when no scores are given."""
    videos: Location | None = None
    """Folder of the videos, or the one video, where the scores are a copy; see `report`."""
    png: Path | None = None
    """Where the picture goes; SCORES/plots/<video>.png by default."""
    overlay: Path | None = None
    """Also write this MP4: the video with a score bar and the label burnt in, without sound."""
    deadline: PositiveAmount = 120.0
    """Seconds that the thumbnails may take, or the overlay where four times the video's duration
    is less; what takes longer is killed."""


def execute(run: PlotRun) -> int:
    """Draw the video, print where the files are and return the exit code."""
    from pipeline.views.plot import plot

    print_line(f"picture: {plot(run)}")
    if run.overlay is not None:
        print_line(f"overlay: {run.overlay}")
    return DONE
