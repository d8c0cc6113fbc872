"""What every fault starts from: generated videos, and what undisturbed runs make of them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import duckdb
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from stores.datasets.synthetic import dataset as synthetic
from stores.features.catalog import open_catalog
from stores.features.shards import read_index, read_segments, read_times
from stores.verify import ASIDE

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = synthetic.Settings(
    train_normal=3, train_anomalous=3, test_normal=2, test_anomalous=4, seconds=(3.0, 6.0)
)
PATIENCE = 300.0  # seconds after which a command that has not ended by itself counts as hung


@dataclass
class Workbench:
    """The inputs of all faults: videos, a checkpoint, and what undisturbed runs made of them."""

    folder: Path
    videos: Path
    checkpoint: Path
    features: dict[str, bytes]
    scores: list[tuple[object, ...]]

    def extract(self, out: Path) -> list[str]:
        """Return the command that extracts the videos to ``out``."""
        options = ["--root", self.videos, "--out", out, "--videos-per-shard", "2"]
        return ["extract", *map(str, options)]

    def score(self, out: Path) -> list[str]:
        """Return the command that scores the test videos to ``out``."""
        options = ["--videos", self.videos / "test", "--checkpoint", self.checkpoint]
        options += ["--out", out / "scores", "--videos-per-part", "2"]
        return ["score", *map(str, options)]

    def differs(self, stage: str, out: Path) -> str:
        """Say in what ``out`` is not what an undisturbed run holds; empty where it is."""
        if stage == "extract":
            found = features_of(out)
            return "" if found == self.features else f"features of {len(found)} videos differ"
        rows = scores_of(out)
        return "" if rows == self.scores else f"{len(rows)} of {len(self.scores)} rows or values"

    def committed(self, stage: str, out: Path) -> dict[Path, tuple[int, int]]:
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


class Command:
    """A command of the pipeline in a process of its own, which begins with all of it imported."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        for name in ("cli", "stages.extract", "stages.score", "stages.train", "views.report.build"):
            import_module(f"pipeline.{name}")  # once, for all that are forked from here
        self._errors, name = tempfile.mkstemp()
        Path(name).unlink()
        self._process = multiprocessing.get_context("fork").Process(
            target=_become, args=(list(arguments), self._errors, dict(environment))
        )
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.exitcode

    def ended(self) -> tuple[int | None, str]:
        """Wait for it; its exit code (None: it hung and was killed) and standard error."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is None:
            for each in family(self):
                each.kill()
            self._process.join()
        with os.fdopen(self._errors, "rb") as file:
            file.seek(0)
            return code, file.read().decode(errors="replace")


def _become(arguments: Sequence[str], errors: int, environment: Mapping[str, str]) -> None:
    from hook import sitecustomize

    from pipeline.cli import main

    os.setsid()
    os.chdir(ROOT)  # which Ray's workers import from
    os.environ.update(environment)
    tempfile.tempdir = None  # so that TMPDIR is looked up again
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(errors, 2)
    sitecustomize.install()
    main(arguments)


def run(
    arguments: Sequence[str],
    temporary: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Command:
    """Start a command in a process group of its own, its error output kept.

    ``temporary`` is where it, and Ray, put temporary files; the path has to be short, since Ray's
    sockets lie there.
    """
    where = {"TMPDIR": str(temporary)} if temporary else {}
    return Command(arguments, {"PYTHONPATH": str(ROOT)} | where | dict(environment or {}))


def family(process: Command) -> list[psutil.Process]:
    """Return a command's process and all below it."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def ended(process: Command) -> tuple[int | None, str]:
    """Wait for a command; its exit code (None: it hung and was killed) and standard error."""
    return process.ended()


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
    after = bench.committed(stage, out)
    if redone := [path.name for path, stamp in before.items() if after.get(path) != stamp]:
        return f"written again: {redone}"
    if doubled := bench.done_twice(stage, out):
        return f"done twice: {doubled}"
    return bench.differs(stage, out)
