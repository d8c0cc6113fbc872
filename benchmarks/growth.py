"""Does an extraction's time grow with its work and nothing else, and what would a million take?

    python benchmarks/growth.py [--counts 10 40 160] [--minutes 1 4] [--rate 4000]

Short videos are copies of one of 2 seconds, long ones copies of a minute put behind one another;
the tiny encoder reads one frame of 16. Time is the stage's own, from the first job to the last;
start-up and end stand apart. The driver's memory is what it has over its imports. The plan for a
million videos is made for real, names and jobs, and its hours are reckoned at the rate given.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import av
import psutil
from measuring import Figure, finish, once

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


def run(root: Path, out: Path, process: psutil.Process) -> tuple[float, float, float, int]:
    """Return stage seconds, the other seconds, the driver's MiB afterwards, and frames."""
    begun = time.monotonic()
    report = extract(
        ExtractRun(dataset="folder", root=root, out=out, recipe="demo", frames="middle")
    )
    whole = time.monotonic() - begun
    assert not report.failures, report.failures[0].reason
    return report.seconds, whole - report.seconds, process.memory_info().rss / 2**20, report.frames


def plan_a_million(rate: float, process: psutil.Process) -> list[Figure]:
    """Return what a driver holds for a million videos, and the hours of UCF-like ones."""
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
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 40, 160])
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rate", type=float, default=4000.0, help="source frames/s of one node")
    options = parser.parse_args()
    process = psutil.Process()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = draw(folder / "short", 2.0)
        run(short.parent, folder / "warm", process)  # the first Ray of a process imports more
        for count in options.counts:
            root = folder / f"root{count}"
            root.mkdir()
            for index in range(count):
                shutil.copy(short, root / f"{index:05d}.mp4")
            stage, rest, memory, _ = run(root, folder / f"out{count}", process)
            figures += [
                Figure(f"growth: {count} short videos, a video", 1e3 * stage / count, "ms"),
                Figure(f"growth: {count} short videos, start-up and end", rest, "s"),
                Figure(f"growth: {count} short videos, driver", memory, "MiB"),
            ]
        minute = folder / "minute.mp4"
        repeat(short, minute, 30)
        for minutes in options.minutes:
            root = folder / f"long{minutes}"
            root.mkdir()
            repeat(minute, root / "long.mp4", minutes)
            stage, _, memory, frames = run(root, folder / f"outlong{minutes}", process)
            figures += [
                Figure(
                    f"growth: a video of {minutes} min, source frames", frames / stage, "frames/s"
                ),
                Figure(f"growth: a video of {minutes} min, driver", memory, "MiB"),
            ]
    figures += plan_a_million(options.rate, process)
    finish("growth", vars(options), figures)


if __name__ == "__main__":
    main()
