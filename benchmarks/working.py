"""Extraction by workers that stay: what videos take, apart from what a start takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.driver import WorkerPool, pack_jobs
from pipeline.engine.events import Tally
from pipeline.engine.settings import StageSettings
from pipeline.stages.extract import shard_sink
from stores.records import VideoItem

Extract = Callable[[Sequence[Path], int], Tally]
"""Extracts videos, so many a shard, as if none were extracted; returns what it came to."""


def start_workers(folder: Path, settings: StageSettings, plan: WorkerPlan) -> Extract:
    """Return the extraction to shards in ``folder``, on the Ray that runs.

    Its first call starts the workers, and they end with the cluster or with the function.
    """
    folder.mkdir()
    pool = WorkerPool(settings, plan, shard_sink(folder, settings.recipe))
    calls = count()

    def extract(videos: Sequence[Path], per_shard: int) -> Tally:
        number = next(calls)
        items = [VideoItem(f"{number}/{i}", str(path)) for i, path in enumerate(videos)]
        tally = pool.run(pack_jobs(items, per_shard), lambda _: None)
        assert not tally.failures, tally.failures[0].reason
        return tally

    return extract
