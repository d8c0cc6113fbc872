"""The settings of the commands that look at data before anything is extracted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from pipeline.settings.location import Location


@dataclass(frozen=True)
class CheckDataRun:
    """Compare a folder of videos with a data set's lists, before hours are spent on it.

    Exit code 0: all is there; 3: some videos will be left out; 2: it cannot go on.
    """

    root: Positional[Location]
    """Folder that holds the videos, anywhere below it; of a custom set also a list of videos."""
    dataset: str = "ucf"
    """Data set: ucf, xd, custom (your own classes), folder or synthetic."""
    lists: Location | None = None
    """Folder of the data set's lists; the root or one folder below it by default."""
    out: Location = Path("outputs")
    """Where the features will go; its disk is asked for room."""
    recipe: str | None = None
    """Recipe that the size of the features is reckoned for; the data set's own by default."""
    clip: str | None = None
    """CLIP model that it is reckoned for; the recipe's own by default."""
    rate: float | None = None
    """Frames a second that an extraction reached on this machine, to reckon the time."""


@dataclass(frozen=True)
class MatchRun:
    """Find out how a published feature file was made: rank every protocol against its video."""

    video: Positional[Path]
    """The video, uncut."""
    published: Positional[Path]
    """Its features as .npy, [segments, width] of one crop."""
    clip: str = "ViT-B-16-quickgelu"
    """CLIP model by its open_clip name; tiny is the demo's."""
    weights: str = ""
    """Weights of it: an open_clip tag or the path of a weight file; 'openai' by default."""
    rows: int = 8
    """Rows that are compared, spread over the video; each takes 768 pictures through CLIP."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""
