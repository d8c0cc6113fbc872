"""Extraction on a real cluster of two nodes, one of which is taken away half-way."""

import threading
import time

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.commands.extract import ExtractRun
from pipeline.stages.extract import extract
from stores.features.catalog import open_catalog
from stores.features.shards import read_index, read_segments

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
