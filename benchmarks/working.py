"""Extraction by workers that stay: what videos take, apart from what a start takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.driver import Crew
from pipeline.engine.shard_worker import Progress, StageSettings, pack_jobs
from pipeline.stages.extract import ShardSink
from stores.features.shard_index import ShardRecipe
from stores.records import VideoItem

Extract = Callable[[Sequence[Path], int], int]
"""Extracts videos, so many a shard, as if none were extracted; returns the frames it read."""


def start_crew(folder: Path, settings: StageSettings, plan: WorkerPlan) -> Extract:
    """Return the extraction to shards in ``folder``, on the Ray that runs.

    Its first call starts the workers, and they end with the cluster or with the function.
    """
    folder.mkdir()
    recipe = ShardRecipe(settings.recipe.to_json(), settings.recipe.fingerprint)
    crew = Crew(settings, plan, ShardSink(folder, recipe, frozenset()))
    calls = count()

    def extract(videos: Sequence[Path], per_shard: int) -> int:
        number, frames = next(calls), 0

        def add(progress: Progress) -> None:
            nonlocal frames
            frames += progress.frames

        items = [VideoItem(f"{number}/{i}", str(path)) for i, path in enumerate(videos)]
        tally = crew.run(pack_jobs(items, per_shard), add)
        assert not tally.failures, tally.failures[0].reason
        return frames

    return extract
