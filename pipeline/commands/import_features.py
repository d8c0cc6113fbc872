"""``import-features``: published features to shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from pipeline.console import SHOWN, print_failures, print_line, progress_bar
from pipeline.options import Location
from stores.features import CropsAxis, RowFrames
from stores.files.names import counted
from stores.ranges import PositiveCount


@dataclass(frozen=True)
class ImportFeaturesRun:
    """Turn published features into shards.

    They are .npy files (<video>__<crop>, <video>_<crop>, <video>, <video>/feature) or HDF5 files
    with a data set a video.
    """

    folder: Positional[Path]
    """Folder with the files anywhere below it."""
    dataset: Literal["ucf", "xd", "msad", "sht", "tad"]
    """Data set they are of: says labels, splits and truth."""
    lists: Location | None = None
    """Folder of the data set's published lists; the folder of the features by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; shards go to OUT/<dataset>/features."""
    row_frames: RowFrames = 16
    """Frames that a row stands for: 16, or 8 or 1, whose rows are averaged to segments."""
    crops_axis: CropsAxis = "auto"
    """Where crops lie in arrays of three axes: second in [T, crops, D], first in [crops, T, D]."""
    crops_in_rows: PositiveCount = 1
    """Crops that lie in neighbouring rows of [T x crops, D]."""
    clip: str | None = None
    """CLIP model that made them, by its open_clip name; ViT-B/16 by default."""
    width: PositiveCount | None = None
    """Width of features that no CLIP made, as 2048 of I3D: for heads with a text adapter."""
    videos_per_shard: PositiveCount = 32
    """Whole videos in one shard."""
    retry_failed: bool = False
    """Try the videos again that an earlier run recorded as failures."""


def execute(run: ImportFeaturesRun) -> int:
    """Import what is missing, print what was done and return the exit code."""
    from pipeline.stages.import_features import import_features

    report = import_features(run, progress=progress_bar)
    print_line(
        f"features: {counted(report.new, 'video')} imported, {report.already} were there · "
        f"{report.folder}"
    )
    if report.unlisted:
        shown = ", ".join(report.unlisted[:SHOWN])
        print_line(f"  in no list, left out: {len(report.unlisted)} ({shown})")
    if report.off:
        print_line(
            f"  {counted(report.off, 'video')} of one or two segments more or fewer than listed "
            "frames give, taken as they are"
        )
    return print_failures(report.failures)
