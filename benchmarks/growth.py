"""Does an extraction's time grow with its work and nothing else, and what would a million take?

    python benchmarks/growth.py [--counts 10 100 1000] [--minutes 1 10 60] [--workers 1 2 4]

Short videos are names of one of 2 seconds, long ones copies of a minute put behind one another; the
tiny encoder reads one frame of 16. The workers stay from one run to the next, so a time is that of
jobs alone, from the first to the last commit; what a start takes is a figure of its own. Medians of
five, and a single run where a thousand videos or an hour are read. Workers on two nodes are those
of a local cluster, one core and one decoder each: on a machine with two cores, more than two cannot
be quicker than two. The driver's memory is all it has. The plan for a million videos is made for
real, names and jobs, and its hours are reckoned at the rate given.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
from clips import repeat
from measuring import Figure, finish, once, take_turns
from ray.cluster_utils import Cluster
from working import Extract, start_workers

from extract.recipe import RECIPES, RecipeOptions
from pipeline.commands.extract import ExtractRun
from pipeline.engine.cluster import WorkerPlan, plan_workers, running_cluster
from pipeline.engine.driver import pack_jobs
from pipeline.engine.settings import StageSettings, stage_settings
from pipeline.options import ReadOptions
from pipeline.stages.extract import extract as extract_all
from pipeline.stages.pending import find_pending
from stores.datasets.synthetic.dataset import generate
from stores.datasets.synthetic.plan import Settings
from stores.files.scan import find_videos
from stores.records import VideoItem

PER_SHARD = 8
WORKED = 40
"""Short videos that one, two and four workers share, in eight jobs, so that none has more."""

LARGE, LONG = 1000, 60
"""So many videos, and minutes, are read once: they take long enough to be their own median."""


def draw(folder: Path, seconds: float) -> Path:
    """Draw one video in H.264 and return its path."""
    settings = Settings(
        train_normal=1,
        train_anomalous=4,
        test_normal=1,
        test_anomalous=4,
        seconds=(seconds, seconds),
    )
    generate(folder, 1, settings)
    return next(path for path in find_videos(folder) if path.suffix == ".mp4")


def copies(source: Path, count: int) -> list[Path]:
    """Return so many names of one video, in a folder beside it."""
    folder = source.with_name(f"{source.stem}-{count}")
    folder.mkdir()
    paths = [folder / f"{index:05d}.mp4" for index in range(count)]
    for path in paths:
        path.hardlink_to(source)
    return paths


def demo_stage() -> StageSettings:
    """Return the stage of the demo's recipe, one frame of 16."""
    return stage_settings(replace(RECIPES["demo"], frames="middle"), "", ReadOptions())


def driver_mib() -> float:
    """Return the memory that the driver, this process, holds now."""
    return float(psutil.Process().memory_info().rss) / 2**20


def timed(
    extract: Extract, videos: Sequence[Path], rounds: int, per_shard: int = PER_SHARD
) -> tuple[float, int]:
    """Return the median seconds that videos take, and their frames."""
    found = [0]

    def run() -> None:
        found[0] = extract(videos, per_shard).frames

    return take_turns({"": run}, rounds)[""].wall, found[0]


def many_videos(
    extract: Extract, short: Path, counts: Sequence[int], rounds: int
) -> tuple[list[Figure], list[Figure]]:
    """Return what a short video takes among more and more of them, and the driver's memory."""
    times, memory = [], []
    for number in counts:
        seconds, _ = timed(extract, copies(short, number), rounds if number < LARGE else 1)
        name = f"growth: a short video, of {number}"
        times.append(Figure(name, 1e3 * seconds / number, "ms"))
        memory.append(Figure(f"growth: driver, {number} short videos", driver_mib(), "MiB"))
    return times, memory


def long_videos(
    extract: Extract, short: Path, lengths: Sequence[int], rounds: int
) -> tuple[list[Figure], list[Figure]]:
    """Return the rate at which longer and longer videos are read, and the driver's memory."""
    minute = short.with_name("minute.mp4")
    repeat(short, minute, 30)
    times, memory = [], []
    for minutes in lengths:
        path = short.with_name(f"{minutes}-minutes.mp4")
        repeat(minute, path, minutes)
        seconds, frames = timed(extract, [path], rounds if minutes < LONG else 1)
        times.append(Figure(f"growth: a video of {minutes} min", frames / seconds, "frames/s"))
        memory.append(Figure(f"growth: driver, {minutes} min", driver_mib(), "MiB"))
    return times, memory


def start_up(folder: Path, short: Path) -> list[Figure]:
    """Return what a whole extraction of one short video takes: nearly nothing but its start."""
    root = folder / "one"
    root.mkdir()
    (root / "one.mp4").hardlink_to(short)
    run = ExtractRun(dataset="folder", root=root, out=folder / "out", recipe=RecipeOptions("demo"))
    seconds = once(lambda: extract_all(run)).wall
    return [Figure("growth: an extraction of one short video, start and end", seconds, "s")]


def more_workers(folder: Path, short: Path, workers: Sequence[int], rounds: int) -> list[Figure]:
    """Return the rate of each number of one-core workers on a cluster of two nodes."""
    videos = copies(short, WORKED)
    rates: list[float] = []
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        cluster.add_node(num_cpus=2)
        cluster.wait_for_nodes()
        os.environ["RAY_ADDRESS"] = cluster.address
        for number in workers:
            plan = WorkerPlan(shard_workers=number, decoders=1, cpus=1.0, gpus=0.0, torch_threads=1)
            with running_cluster():
                extract = start_workers(folder / f"workers{number}", demo_stage(), plan)
                extract(videos[:number], 1)
                seconds, _ = timed(extract, videos, rounds, WORKED // 8)
            rates.append(len(videos) / seconds)
    finally:
        os.environ.pop("RAY_ADDRESS", None)
        cluster.shutdown()
    return [
        Figure(f"growth: {number} workers on 2 nodes, to {workers[0]}", rate / rates[0], "times")
        for number, rate in zip(workers, rates, strict=True)
    ]


def plan_a_million(rate: float) -> list[Figure]:
    """Return what a driver holds for a million videos, and the hours of UCF-like ones."""
    process = psutil.Process()
    before = process.memory_info().rss
    jobs = []

    def plan() -> None:
        items = [
            VideoItem(
                f"site/{i // 1000:04d}/camera/{i:07d}", f"/videos/{i // 1000:04d}/{i:07d}.mp4"
            )
            for i in range(1_000_000)
        ]
        jobs.extend(pack_jobs(find_pending(Path(), items, {}, ReadOptions()).items, PER_SHARD))

    seconds = once(plan).wall
    workers = plan_workers([(16.0, 1.0)] * 8)
    frames = 1_000_000 * 60 * 30  # a minute each
    return [
        Figure("growth: planning a million videos", seconds, "s"),
        Figure("growth: its driver memory", (process.memory_info().rss - before) / 2**20, "MiB"),
        Figure("growth: its shards", len(jobs), ""),
        Figure("growth: frames in flight on 8 GPU nodes", workers.frames_in_flight, ""),
        Figure(
            f"growth: hours for a million minutes at {rate:g} frames/s a node, 8 nodes",
            frames / rate / 8 / 3600,
            "h",
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 60])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=4000.0, help="source frames/s of one node")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = draw(folder / "short", 2.0)
        figures = start_up(folder, short)
        with running_cluster() as plan:
            extract = start_workers(folder / "shards", demo_stage(), plan)
            started = once(lambda: extract([short], 1)).wall
            figures.append(Figure("growth: the first job, start of the workers", started, "s"))
            many, memory = many_videos(extract, short, options.counts, options.rounds)
            long, held = long_videos(extract, short, options.minutes, options.rounds)
        figures += [*many, *long, *memory, *held]
        figures += more_workers(folder, short, options.workers, options.rounds)
    figures += plan_a_million(options.rate)
    finish("growth", vars(options), figures)


if __name__ == "__main__":
    main()
