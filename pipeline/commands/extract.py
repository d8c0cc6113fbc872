"""``extract``: a data set's videos to HDF5 shards of CLIP features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from extract.recipe import RecipeOptions
from pipeline.console import (
    print_changed,
    print_failures,
    print_line,
    print_marked,
    progress_bar,
    speed,
)
from pipeline.options import Location, ReadOptions
from stores.files.names import counted
from stores.ranges import PositiveCount

if TYPE_CHECKING:
    from pipeline.stages.extract import ExtractReport


@dataclass(frozen=True)
class ExtractRun:
    """Read a data set's videos and write their CLIP segment features as HDF5 shards."""

    dataset: str = "synthetic"
    """Data set: synthetic, ucf, xd, msad, sht, tad, custom (your classes) or folder (no labels)."""
    root: Location | None = None
    """Folder of its videos; the synthetic set is generated when none is given."""
    lists: Location | None = None
    """Folder of the data set's lists; the root or one folder below it by default."""
    name: str | None = None
    """Name of a custom data set, for the commands that follow; custom by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; features go to OUT/<dataset>/features."""
    recipe: OmitArgPrefixes[RecipeOptions] = RecipeOptions()
    """How frames become features."""
    videos_per_shard: PositiveCount = 8
    """Whole videos in one shard: what a crash can lose, and the unit of work of a worker."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


def execute(run: ExtractRun) -> int:
    """Extract what is missing, print what was done and return the exit code."""
    from pipeline.stages.extract import extract

    return render(extract(run, progress=progress_bar))


def render(report: ExtractReport) -> int:
    """Print what an extraction did."""
    print_line(
        f"features: {counted(report.new, 'video')} extracted, {report.already} were there"
        f"{speed(report.frames, report.seconds)} · {report.folder}"
    )
    print_changed(report.redone, report.kept)
    print_marked(report.marked, report.folder)
    return print_failures(report.failures)
