"""What do 64 workers at full rate cost the driver that hears of them?

    python benchmarks/driver.py [--workers 64] [--seconds 20]

The workers are stand-ins, actors of a real Ray without encoder or decoders: each tells what one
that reads 15,000 images a second would tell, of jobs of eight videos of UCF-Crime's mean length.
The driver is the pipeline's own. ``every chunk`` is what was told before, frames of each chunk by
themselves: of fewer videos, since no machine with few cores gets 15,000 of those a second across.
Its share of a core at full rate is reckoned from what an event cost. Processor time is that of all
threads of the driver's process.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import ray
from measuring import Figure, Timing, finish, once

from pipeline.engine import driver
from pipeline.engine.cluster import WorkerPlan, running_cluster
from pipeline.engine.events import FramesRead, VideoFinished, WorkerEvent, WorkerLoad, added_up
from stores.records import VideoItem

CHUNK, RATE, VIDEO, PER_JOB = 64, 15_000, 7_247, 8


@dataclass(frozen=True)
class StandInJob:
    """A job as the driver needs it, of a module that imports no torch."""

    items: tuple[VideoItem, ...]
    every_chunk: bool
    generation: int = 0


class StandIn:
    """A shard worker that reads nothing, at a rate."""

    def __init__(self, *_: object) -> None:
        self._reading = threading.Lock()

    def node_id(self) -> str:
        """Return the id of the node this worker runs on."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def run(self, job: StandInJob) -> Iterator[WorkerEvent]:
        """Yield what happens, one job's videos after the other's."""
        with self._reading:
            # What is told in one go needs no step of its own here, on a machine of few cores.
            chunks = self._chunks(len(job.items), CHUNK if job.every_chunk else 16 * CHUNK)
            yield from chunks if job.every_chunk else added_up(chunks)
        yield from (VideoFinished(item) for item in job.items)
        yield WorkerLoad(worker=1, wall=1.0, encoding=1.0, decoding=1.0, decoders=1)

    def _chunks(self, videos: int, step: int) -> Iterator[FramesRead]:
        begun, frames = time.monotonic(), 0
        while frames < videos * VIDEO:
            frames += step
            time.sleep(max(0.0, begun + frames / RATE - time.monotonic()))
            yield FramesRead(step)


def make_jobs(count: int, videos: int, *, every_chunk: bool) -> list[Any]:
    """Return so many jobs."""
    return [
        StandInJob(tuple(VideoItem(f"{job}/{i}", "") for i in range(videos)), every_chunk)
        for job in range(count)
    ]


def listen(pool: driver.WorkerPool, jobs: Sequence[Any]) -> tuple[Timing, int]:
    """Return what it takes the driver to run jobs, and how many events it hears."""
    events: list[WorkerEvent] = []
    timing = once(lambda: pool.run(jobs, events.append))
    return timing, len(events)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    workers: int = options.workers
    plan = WorkerPlan(shard_workers=workers, decoders=1, cpus=0.001, gpus=0.0, torch_threads=1)
    rounds = max(1, round(options.seconds * RATE / VIDEO / PER_JOB))
    with running_cluster():
        settings: Any = SimpleNamespace(workers=workers)  # those of a run would import torch
        nowhere: Any = SimpleNamespace()
        pool = driver.WorkerPool(settings, plan, nowhere)
        with patch.object(driver, "ShardWorker", StandIn):
            listen(pool, make_jobs(2 * workers, 1, every_chunk=False))  # which starts them
        now, heard = listen(pool, make_jobs(rounds * workers, PER_JOB, every_chunk=False))
        before, heard_before = listen(pool, make_jobs(workers, 1, every_chunk=True))
    chunks = workers * RATE / CHUNK
    frames = rounds * workers * PER_JOB * VIDEO
    each = before.processor / heard_before
    figures = [
        Figure(
            f"driver: {workers} workers, of their full rate", frames / now.wall / RATE / workers, ""
        ),
        Figure("driver: events", heard / now.wall, "events/s"),
        Figure("driver: of a core", now.processor / now.wall, "", at_most=0.2),
        Figure("driver: every chunk, events", heard_before / before.wall, "events/s"),
        Figure("driver: every chunk, an event", 1e6 * each, "µs"),
        Figure(f"driver: every chunk, {chunks:,.0f} events/s", chunks * each, "cores"),
    ]
    finish("driver", vars(options), figures, {"now": now, "every chunk": before})


if __name__ == "__main__":
    main()
