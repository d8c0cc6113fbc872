"""Does an extraction's time grow with its work and nothing else, and what would a million take?

    python benchmarks/growth.py [--counts 10 100 400] [--minutes 1 10 30] [--nodes 1 2]

Short videos are copies of one of 2 seconds, long ones copies of a minute put behind one another;
the tiny encoder reads one frame of 16. Time is the stage's own, from the first job to the last. The
start of its workers is the same in every run, so what a further video or frame takes is the
difference of two runs. Nodes are those of a local cluster, one core and one shard worker each: on a
machine with two cores, two can be twice as fast as one. The driver's memory is
all it has. The plan for a million videos is made for real, names and jobs, and its hours are
reckoned at the rate given.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import psutil
from measuring import Figure, finish, once
from ray.cluster_utils import Cluster

from pipeline.cluster import plan_workers
from pipeline.extract import extract
from pipeline.settings import ExtractRun
from pipeline.stage import pack_jobs
from stores.catalog import Catalog
from stores.datasets.synthetic import generate
from stores.drawn.plan import Settings
from stores.records import VideoItem
from stores.tree import find_videos

PER_SHARD = 8
Figures = list[Figure]


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


def repeat(source: Path, target: Path, times: int) -> None:
    """Put a video behind itself so many times, without coding it anew."""
    with av.open(str(target), "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            last = 0
            with av.open(str(source)) as container:
                given = container.streams.video[0]
                stream = stream or out.add_stream_from_template(given)
                for packet in container.demux(given):
                    if packet.dts is None:
                        continue
                    last = max(last, (packet.pts or 0) + (packet.duration or 1))
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    out.mux(packet)
            shift += last


@dataclass(frozen=True, slots=True)
class Run:
    """One extraction: seconds of its stage, those before and after it, frames, driver's MiB."""

    stage: float
    rest: float
    frames: int
    memory: float


def run(root: Path, out: Path) -> Run:
    """Extract every video below ``root``."""
    begun = time.monotonic()
    report = extract(
        ExtractRun(dataset="folder", root=root, out=out, recipe="demo", frames="middle")
    )
    whole = time.monotonic() - begun
    assert not report.failures, report.failures[0].reason
    memory = psutil.Process().memory_info().rss / 2**20
    return Run(report.seconds, whole - report.seconds, report.frames, memory)


def copies(short: Path, root: Path, count: int) -> Path:
    """Return a folder of so many copies of a video."""
    root.mkdir()
    for index in range(count):
        (root / f"{index:05d}.mp4").hardlink_to(short)
    return root


def many_videos(folder: Path, short: Path, counts: Sequence[int]) -> list[Figure]:
    """Return what one more short video takes, and what does not grow with their number."""
    runs = []
    for count in counts:
        root = copies(short, folder / f"root{count}", count)
        runs.append(run(root, folder / f"out{count}"))
    figures = []
    for (less, before), (more, after) in pairwise(zip(counts, runs, strict=True)):
        each = 1e3 * (after.stage - before.stage) / (more - less)
        figures.append(Figure(f"growth: a short video more, {less} to {more}", each, "ms"))
    each = (runs[1].stage - runs[0].stage) / (counts[1] - counts[0])
    figures.append(Figure("growth: start of the workers", runs[0].stage - counts[0] * each, "s"))
    figures.append(Figure("growth: start of Ray, listing and end", runs[-1].rest, "s"))
    for count, found in zip(counts, runs, strict=True):
        figures.append(Figure(f"growth: driver, {count} short videos", found.memory, "MiB"))
    return figures


def long_videos(folder: Path, short: Path, lengths: Sequence[int]) -> list[Figure]:
    """Return the rate at which a video's further minutes are read, and the driver's memory."""
    minute = folder / "minute.mp4"
    repeat(short, minute, 30)
    runs = []
    for minutes in lengths:
        root = folder / f"long{minutes}"
        root.mkdir()
        repeat(minute, root / "long.mp4", minutes)
        runs.append(run(root, folder / f"outlong{minutes}"))
    figures = []
    for (less, before), (more, after) in pairwise(zip(lengths, runs, strict=True)):
        rate = (after.frames - before.frames) / (after.stage - before.stage)
        figures.append(Figure(f"growth: a video of {less} to {more} min", rate, "frames/s"))
    figures.append(Figure(f"growth: driver, {lengths[-1]} min", runs[-1].memory, "MiB"))
    return figures


def more_nodes(folder: Path, short: Path, nodes: Sequence[int], counts: Sequence[int]) -> Figures:
    """Return the rate of each number of one-core nodes, by the difference of two runs each."""
    rates: list[float] = []
    for number in nodes:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        try:
            for _ in range(number - 1):
                cluster.add_node(num_cpus=1)
            cluster.wait_for_nodes()
            os.environ["RAY_ADDRESS"] = cluster.address
            few, many = (
                run(
                    copies(short, folder / f"nodes{number}-{count}", count),
                    folder / f"outnodes{number}-{count}",
                )
                for count in counts
            )
        finally:
            os.environ.pop("RAY_ADDRESS", None)
            cluster.shutdown()
        rates.append((counts[1] - counts[0]) / (many.stage - few.stage))
    return [
        Figure(f"growth: {number} nodes of a core, to {nodes[0]}", rate / rates[0], "times")
        for number, rate in zip(nodes, rates, strict=True)
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
        missing = Catalog(Path(), None, {}, {}).missing(items)
        jobs.extend(pack_jobs(missing, PER_SHARD))

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
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 400])
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 30])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rate", type=float, default=4000.0, help="source frames/s of one node")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = draw(folder / "short", 2.0)
        figures = many_videos(folder, short, options.counts)
        figures += long_videos(folder, short, options.minutes)
        figures += more_nodes(folder, short, options.nodes, counts=(20, 220))
    figures += plan_a_million(options.rate)
    finish("growth", vars(options), figures)


if __name__ == "__main__":
    main()
