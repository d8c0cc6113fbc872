"""What every fault starts from: generated videos, and what undisturbed runs make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import psutil
from command import ended, run

from stores.datasets.synthetic import dataset as synthetic
from stores.features.catalog import open_catalog
from stores.features.shards import read_index, read_segments, read_times
from stores.verify import ASIDE

SETTINGS = synthetic.Settings(
    # Of 18 videos, 9 shards, three kills leave some to do; of 12 parts of scores four kills do.
    train_normal=3,
    train_anomalous=3,
    test_normal=4,
    test_anomalous=8,
    seconds=(2.0, 5.0),
)


Stamp = tuple[int, int]
"""A file's inode and time of writing."""


@dataclass
class Workbench:
    """The inputs of all faults: videos, a checkpoint, and what undisturbed runs made of them.

    ``processes`` are those of killed runs, all of which have to end by themselves.
    """

    folder: Path
    videos: Path
    checkpoint: Path
    features: dict[str, bytes]
    scores: list[tuple[object, ...]]
    processes: list[psutil.Process] = field(default_factory=list)

    def extract(self, out: Path) -> list[str]:
        """Return the command that extracts the videos to ``out``."""
        options = ["--root", self.videos, "--out", out, "--videos-per-shard", "2"]
        return ["extract", *map(str, options)]

    def score(self, out: Path) -> list[str]:
        """Return the command that scores the test videos to ``out``."""
        options = ["--videos", self.videos / "test", "--checkpoint", self.checkpoint]
        options += ["--out", out / "scores", "--videos-per-part", "1"]
        return ["score", *map(str, options)]

    def differs(self, stage: str, out: Path) -> str:
        """Say in what ``out`` is not what an undisturbed run holds; empty where it is."""
        if stage == "extract":
            found = features_of(out)
            return "" if found == self.features else f"features of {len(found)} videos differ"
        rows = scores_of(out)
        return "" if rows == self.scores else f"{len(rows)} of {len(self.scores)} rows or values"

    def committed(self, stage: str, out: Path) -> dict[Path, Stamp]:
        """Return every committed shard or part, with what a second writing would change."""
        pattern = "shard-*.h5" if stage == "extract" else "videos/*.parquet"
        found = [path for path in out.rglob(pattern) if path.parent.name != ASIDE]
        stats = {path: path.stat() for path in found}
        return {path: (each.st_ino, each.st_mtime_ns) for path, each in stats.items()}

    def done_twice(self, stage: str, out: Path) -> list[str]:
        """Return the videos that more than one shard or part holds."""
        paths = self.committed(stage, out)
        if stage == "extract":
            ids = [video.item.video_id for path in paths for video in read_index(path).videos]
        else:
            ids = [
                name
                for path in paths
                for (name,) in duckdb.sql(f"select video_id from '{path}'").fetchall()
            ]
        return [name for name, count in Counter(ids).items() if count > 1]


def features_of(out: Path) -> dict[str, bytes]:
    """Return all values of every video: rounded as far as batches may change them."""
    catalog = open_catalog(out / "synthetic" / "features")
    return {
        key: np.round(read_segments(video).astype(np.float32), 1).tobytes()
        + read_times(video).tobytes()
        for key, video in sorted(catalog.videos.items())
    }


def scores_of(out: Path) -> list[tuple[object, ...]]:
    """Return every frame's row, scores rounded likewise."""
    query = (
        "select video_id, frame, time, round(score, 2) from "
        f"'{out}/scores/scores/*.parquet' order by 1, 2"
    )
    return duckdb.sql(query).fetchall()


def prepare(folder: Path) -> Workbench:
    """Make videos, a checkpoint, and the undisturbed results."""
    videos = folder / "videos"
    synthetic.generate(videos, 7, SETTINGS)
    bench = Workbench(folder, videos, folder / "calm" / "synthetic" / "train", {}, [])
    calm = folder / "calm"
    train = ["train", "--dataset", "synthetic"]
    train += ["--out", str(calm), "--epochs", "2", "--batch", "2"]
    for command in (bench.extract(calm), train, bench.score(calm)):
        code, error = ended(run(command))
        if code != 0:
            raise SystemExit(f"the undisturbed run failed: {error}")
    bench.features, bench.scores = features_of(calm), scores_of(calm)
    return bench


def rerun(bench: Workbench, stage: str, out: Path) -> str:
    """Run the command again; say in what it, or what it left, is not as it should be.

    What was committed before has to be the same file as before, and no video may be there twice.
    """
    before = bench.committed(stage, out)
    code, error = ended(run(getattr(bench, stage)(out)))
    if code != 0:
        return f"rerun gave {code}: {error[-200:]}"
    if problem := changed(before, bench.committed(stage, out)):
        return problem
    if doubled := bench.done_twice(stage, out):
        return f"done twice: {doubled}"
    return bench.differs(stage, out)


def changed(before: Mapping[Path, Stamp], after: Mapping[Path, Stamp]) -> str:
    """Say which committed files are not the ones they were."""
    redone = [path.name for path, stamp in before.items() if after.get(path) != stamp]
    return f"written again: {redone}" if redone else ""
