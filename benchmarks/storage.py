"""How quick are shards against one .npy a crop, look-ups in a large catalog, and Parquet?

    python benchmarks/storage.py [--rounds 5]

The same features, 64 videos of ten crops: shards of 8 videos against 640 files. Sequential reads
every crop in order, random 200 crops in seeded order, both with and without the files in the page
cache (dropped with POSIX_FADV_DONTNEED, Linux alone). Shards are read against their checksums,
.npy files have none. Parquet is a part of a million frame rows with 14 classes, a tenth anomalous.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from measuring import Figure, Timing, finish, once, show_timings, take_turns

from model.scoring.events import label_all
from stores.features.catalog import Catalog, open_catalog
from stores.features.layout import Layout
from stores.features.shard_index import ShardRecipe, ShardVideo
from stores.features.shards import read_segments, write_shard
from stores.records import DecodeAudit, EventRule, VideoFeatures, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

CROPS, WIDTH, VIDEOS, PER_SHARD = 10, 512, 64, 8
RECIPE = ShardRecipe("{}", "0" * 16)


def make_videos() -> list[VideoFeatures]:
    """Return videos of 40 to 500 segments."""
    random = np.random.default_rng(0)
    videos = []
    for index, segments in enumerate(random.integers(40, 500, VIDEOS)):
        frames = 16 * int(segments)
        rows = random.standard_normal((CROPS, segments, WIDTH)).astype(np.float16)
        audit = DecodeAudit("pyav", frames, frames, frames / 25)
        item = VideoItem(f"video{index:03d}", f"video{index:03d}.mp4")
        videos.append(VideoFeatures(item, rows, np.arange(frames) / 25, audit))
    return videos


def forget(paths: Sequence[Path]) -> None:
    """Drop files from the page cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def compare_reading(folder: Path, rounds: int) -> tuple[dict[str, Timing], list[Figure]]:
    """Return how long each way of reading takes, and the shares of the .npy files' speed."""
    videos = make_videos()
    for start in range(0, VIDEOS, PER_SHARD):
        write_shard(folder / "shards", RECIPE, videos[start : start + PER_SHARD])
    (folder / "npy").mkdir()
    for video in videos:
        for crop in range(CROPS):
            np.save(folder / "npy" / f"{video.item.video_id}__{crop}.npy", video.segments[crop])
    shards, files = sorted((folder / "shards").iterdir()), sorted((folder / "npy").iterdir())
    entries = list(open_catalog(folder / "shards").videos.values())
    order = np.random.default_rng(1).permutation(VIDEOS * CROPS)[:200].tolist()
    ways: dict[str, Callable[[], object]] = {
        "sequential, .npy": lambda: [np.load(path) for path in files],
        "sequential, shards": lambda: [read_segments(entry) for entry in entries],
        "random, .npy": lambda: [np.load(files[i]) for i in order],
        "random, shards": lambda: [read_segments(entries[i // CROPS], i % CROPS) for i in order],
    }

    def cold(way: Callable[[], object]) -> Timing:
        forget([*shards, *files])
        return once(way)

    warm = take_turns({f"warm, {name}": way for name, way in ways.items()}, rounds)
    colds = [{name: cold(way) for name, way in ways.items()} for _ in range(rounds)]
    median = {
        f"cold, {name}": sorted((c[name] for c in colds), key=lambda t: t.wall)[rounds // 2]
        for name in ways
    }
    timings = warm | median
    size = sum(path.stat().st_size for path in shards) / sum(p.stat().st_size for p in files)
    figures = [Figure("storage: bytes of shards to bytes of .npy", size, "")]
    for state in ("warm", "cold"):
        for kind, least in (("sequential", 1.0), ("random", 0.8)):
            share = (
                timings[f"{state}, {kind}, .npy"].wall / timings[f"{state}, {kind}, shards"].wall
            )
            name = f"storage: shards to .npy, {kind}, {state}"
            figures.append(Figure(name, share, "", at_least=least))
    return timings, figures


def look_ups(count: int) -> float:
    """Return the microseconds of a look-up in a catalog of so many videos."""
    audit = DecodeAudit("pyav", 1, 1, 0.0)
    layout = Layout(rows=1, offsets=(0,), digests=("",))
    one = ShardVideo(VideoItem("v", ""), 16, (1, 1, WIDTH), audit, layout)
    videos = {f"v{i}": one for i in range(count)}
    catalog = Catalog(Path(), RECIPE, videos, {})
    wanted = [f"v{i}" for i in np.random.default_rng(0).integers(0, count, 100)] * 100
    return min(once(lambda: [catalog.videos[name] for name in wanted]).wall for _ in range(5)) * 100


def compare_parquet(folder: Path, rounds: int) -> list[Figure]:
    """Return rows a second and bytes a row of scores as they are written."""
    random = np.random.default_rng(0)
    classes = tuple(f"class{k}" for k in range(14))
    header = ScoreHeader(classes, "m" * 16, "r" * 16, EventRule(threshold=0.5))
    frames = 50_000
    anomalous = random.dirichlet(np.full(14, 0.3), frames // 16)
    normal = random.dirichlet([30.0, *np.full(13, 0.3)], frames // 16)
    stretches = (random.random(frames // 16 // 25) < 0.1).repeat(25)[:, None]
    segments = np.where(stretches, anomalous, normal)
    shares = np.repeat(segments.astype(np.float32), 16, axis=0)
    item = VideoItem("v", "v.mp4")
    base = VideoScores(item, np.arange(len(shares)) / 25, 1 - shares[:, 0], shares)
    results = [replace(base, item=VideoItem(f"v{i}", "v.mp4")) for i in range(20)]
    rows = len(shares) * len(results)
    timing = take_turns(
        {"write": lambda: write_scores(folder, header, label_all(results, header))},
        rounds,
    )["write"]
    size = sum(path.stat().st_size for path in (folder / "scores").iterdir())
    return [
        Figure("storage: Parquet", rows / timing.wall / 1e6, "M rows/s", at_least=5.0),
        Figure("storage: Parquet, of processor time", rows / timing.processor / 1e6, "M rows/s"),
        Figure("storage: Parquet, a row", size / rows, "bytes"),
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        timings, figures = compare_reading(Path(name), options.rounds)
        figures += compare_parquet(Path(name) / "scores", options.rounds)
    show_timings(timings)
    figures += [
        Figure(f"storage: a look-up among {count:,} videos", look_ups(count), "µs")
        for count in (100, 10_000, 1_000_000)
    ]
    finish("storage", vars(options) | {"videos": VIDEOS, "crops": CROPS}, figures, timings)


if __name__ == "__main__":
    main()
