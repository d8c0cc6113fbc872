"""The shard worker, run in this process on decode workers of a real Ray."""

import os
import signal

import pytest
import ray
import torch

from pipeline.engine.cluster import plan_workers
from pipeline.engine.shard_worker import Job, ShardWorker, StageSettings
from pipeline.settings import ExtractRun
from pipeline.stages.extract import ShardSink, choose_recipe, settle_recipe
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.records import VideoItem

pytestmark = pytest.mark.ray


@pytest.fixture
def make_worker(tmp_path):
    """Build a shard worker with one decoder that commits to ``tmp_path``."""

    def make():
        run, dataset = ExtractRun(), base.load("synthetic")
        recipe, source = settle_recipe(choose_recipe(run, dataset), run)
        sink = ShardSink(
            tmp_path, ShardRecipe(recipe.to_json(), recipe.fingerprint), before=frozenset()
        )
        return ShardWorker(StageSettings(recipe, source), plan_workers([(1.0, 0)]), sink)

    threads = torch.get_num_threads()
    yield make
    torch.set_num_threads(threads)  # a shard worker sets those of its process, which is ours here


@pytest.fixture
def items(footage):
    paths = sorted(footage.rglob("*.mp4"))[:2]
    return tuple(VideoItem(path.stem, str(path)) for path in paths)


def test_a_video_whose_decoder_was_killed_is_read_by_the_second_one(
    local_ray, make_worker, items, tmp_path
):
    worker = make_worker()
    worker._start()
    (decoding,) = worker._decoders
    os.kill(ray.get(decoding.actor.process.remote()), signal.SIGKILL)
    told = list(worker.run(Job(items)))
    assert {news.finished.video_id for news in told if news.finished} == {
        item.video_id for item in items
    }
    assert not [news for news in told if news.failure]
    catalog = open_catalog(tmp_path)
    assert len(catalog.videos) == 2
    assert "pyav" in {video.audit.decoder for video in catalog.videos.values()}
