"""A node with a GPU and one core, and one that has cores alone and decodes for it: a real cluster.

The GPU is a name; what encodes is the demo's encoder on the processor, with the loop that fills a
GPU's batches.
"""

import shutil
import time
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from extract.encoder import load_encoder
from pipeline.engine.cluster import running_cluster
from pipeline.engine.events import FramesRead, Remark
from pipeline.engine.readers import Readers
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions
from stores.datasets import base
from stores.files.content import content_of
from stores.records import VideoFeatures, VideoItem

SYNTHETIC = base.load("synthetic")

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster():
    head = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 1 << 30}
    made = Cluster(initialize_head=True, head_node_args=head)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def helping(cluster, monkeypatch):
    """A node without a GPU, that is there by now."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    node = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    yield node
    for left in list(cluster.worker_nodes):
        cluster.remove_node(left, allow_graceful=False)


def make_readers(plan, recipe) -> Readers:
    on_cpu = partial(lambda recipe, weights, _: load_encoder(recipe, weights, "cpu"))
    with patch("pipeline.engine.readers.load_encoder", on_cpu):
        return Readers(stage_settings(recipe, "", ReadOptions(batch=8)), plan)


def wait_for_helpers(readers, count):
    until = time.monotonic() + 90
    while sum(client.helps and client.is_up for client in readers._clients) < count:
        assert time.monotonic() < until
        time.sleep(0.1)


def read_all(readers, items, show=lambda done: None):
    done = []
    for output in readers.read(items):
        if not isinstance(output, FramesRead):
            assert isinstance(output, VideoFeatures), output.reason
            done.append(output)
            show(len(done))
    return done


def test_a_node_that_holds_other_videos_decodes_none_and_is_named(
    helping, footage, demo_recipe, tmp_path, monkeypatch
):
    """Another node's disk, as it were: there is something at the path, but not the same."""
    there = sorted(footage.rglob("*.mp4"))
    for number, path in enumerate(there):
        shutil.copy(path, tmp_path / f"{number}.mp4")
    items = [VideoItem(path.name, str(path)) for path in sorted(tmp_path.iterdir())]
    known = {item.path: content_of(item.path) for item in items}
    other = {path: replace(content, size=content.size + 1) for path, content in known.items()}
    monkeypatch.setattr("pipeline.engine.video_reader.content_of", lambda path, **_: other[path])
    with running_cluster() as plan:
        readers = make_readers(plan, demo_recipe)
        wait_for_helpers(readers, 2)
        done = read_all(readers, items)
        remarks = [news.line for news in readers.news() if isinstance(news, Remark)]
    assert sorted(each.item.path for each in done) == sorted(item.path for item in items)
    (line,) = [line for line in remarks if line.startswith("node ")]
    assert line.endswith("put videos where all nodes have them at one path, or behind a URL")
    assert not any(client.busy for client in readers._clients if client.helps)


@pytest.mark.long
def test_a_node_without_a_gpu_decodes_and_may_leave_and_come_back(
    cluster, helping, footage, demo_recipe
):
    there = list(SYNTHETIC.discover(footage))
    items = [VideoItem(f"{n}/{i.video_id}", i.path) for n in range(12) for i in there]
    with running_cluster() as plan:
        assert (plan.shard_workers, plan.decoders, plan.helpers, plan.gpus) == (1, 1, 2, 1.0)
        readers = make_readers(plan, demo_recipe)
        wait_for_helpers(readers, 2)
        moments = {}

        def leave_and_come_back(done):
            helped = sum(client.busy for client in readers._clients if client.helps)
            if done == 20:
                moments["before"] = helped
                cluster.remove_node(helping, allow_graceful=False)
            if done == 60:
                moments["without"] = helped
                cluster.add_node(num_cpus=2)
            if done == 80:
                wait_for_helpers(readers, 1)
            moments["in the end"] = helped

        done = read_all(readers, items, leave_and_come_back)
    assert sorted(each.item.video_id for each in done) == sorted(item.video_id for item in items)
    assert 0 < moments["before"] <= moments["without"] < moments["in the end"]
    rows = {}
    for each in done:  # by whichever decoder
        first = rows.setdefault(each.item.path, each.segments.astype(np.float32))
        np.testing.assert_allclose(each.segments.astype(np.float32), first, atol=2e-2)
