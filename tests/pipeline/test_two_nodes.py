"""Extraction on a real cluster of two nodes, one of which leaves or joins half-way."""

import threading
import time

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.commands.extract import ExtractRun
from pipeline.engine.cluster import running_cluster
from pipeline.engine.driver import WorkerPool, pack_jobs
from pipeline.engine.events import VideoFinished
from pipeline.engine.nodes import room_for_workers
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions
from pipeline.stages.extract import extract, shard_sink
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.shards import read_index, read_segments

SYNTHETIC = base.load("synthetic")

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def cluster(monkeypatch):
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    second = made.add_node(num_cpus=2)
    made.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made, second
    ray.shutdown()
    made.shutdown()


@pytest.mark.long
def test_a_node_that_joins_is_used(cluster, footage, demo_recipe, tmp_path, monkeypatch):
    made, second = cluster
    made.remove_node(second)
    monkeypatch.setattr("pipeline.engine.driver._LOOK", 0.2)
    settings = stage_settings(demo_recipe, "", ReadOptions())
    jobs = pack_jobs(SYNTHETIC.discover(footage), 1)
    with running_cluster() as plan:
        assert plan.shard_workers == 1
        pool, nodes = WorkerPool(settings, plan, shard_sink(tmp_path, demo_recipe)), set()

        def show(event):
            if isinstance(event, VideoFinished) and not nodes:
                nodes.add(made.add_node(num_cpus=2))
                made.wait_for_nodes()

        tally = pool.run(jobs, show)
        assert tally.done == len(jobs)
        assert room_for_workers(plan) == 2
        assert len({ray.get(worker.node) for worker in pool._workers}) == 2


def test_a_node_that_leaves_loses_no_video_and_repeats_none(cluster, footage, extracted, tmp_path):
    made, second = cluster

    def leave():
        while not list(tmp_path.glob("synthetic/features/shard-*.h5")):
            time.sleep(0.05)
        made.remove_node(second, allow_graceful=False)

    leaving = threading.Thread(target=leave)
    leaving.start()
    report = extract(ExtractRun(root=footage, out=tmp_path, videos_per_shard=1))
    leaving.join()
    assert report.failures == ()
    assert report.new == 14
    folder = tmp_path / "synthetic" / "features"
    held = [v.item.video_id for p in folder.glob("shard-*.h5") for v in read_index(p).videos]
    assert sorted(held) == sorted(set(held))
    ours, alone = open_catalog(folder), open_catalog(extracted / "synthetic" / "features")
    assert set(ours.videos) == set(alone.videos)
    for key, video in ours.videos.items():
        np.testing.assert_allclose(
            read_segments(video).astype(np.float32),
            read_segments(alone.videos[key]).astype(np.float32),
            atol=2e-2,
        )
