"""``import-features``: published features to shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from pipeline.console import SHOWN, print_failures, print_line, progress_bar
from pipeline.options import Location
from stores.files.names import counted
from stores.ranges import PositiveCount


@dataclass(frozen=True)
class ImportFeaturesRun:
    """Turn a tree of published features (<video>__<crop>.npy) into shards."""

    folder: Positional[Path]
    """Folder with the .npy files anywhere below it."""
    dataset: Literal["ucf", "xd"]
    """Data set they are of: says labels, splits and truth."""
    lists: Location | None = None
    """Folder of the data set's published lists; the folder of the features by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; shards go to OUT/<dataset>/features."""
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
    return print_failures(report.failures)
