"""The shard worker, run in this process on decode workers of a real Ray."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from extract.features import extract_video
from extract.video import read_chunks
from pipeline.engine.cluster import plan_workers
from pipeline.engine.events import FramesRead, Remark, VideoFailed, VideoFinished, WorkerLoad
from pipeline.engine.settings import stage_settings
from pipeline.engine.shard_worker import Job, ShardWorker
from pipeline.options import ReadOptions
from pipeline.stages.extract import shard_sink
from stores.features.catalog import open_catalog
from stores.features.shards import read_segments
from stores.records import VideoItem


@pytest.fixture
def make_worker(tmp_path):
    """Build a shard worker with two decoders that commits to ``tmp_path``."""

    def make(recipe, gpus=0, **reading):
        settings = stage_settings(recipe, "", ReadOptions(**reading))
        plan = replace(plan_workers([(2.0, 0)]), gpus=gpus)
        return ShardWorker(settings, plan, shard_sink(tmp_path, recipe))

    threads = torch.get_num_threads()
    yield make
    torch.set_num_threads(threads)  # a shard worker sets those of its process, which is ours here


@pytest.mark.ray
def test_a_job_is_one_commit_and_a_repeated_one_changes_nothing(
    local_ray, make_worker, demo_recipe, footage, tmp_path
):
    worker = make_worker(demo_recipe)
    paths = sorted(footage.rglob("*.mp4"))[:3]
    good = {VideoItem(path.stem, str(path)) for path in paths}
    bad = VideoItem("bad", str(tmp_path / "gone.mp4"))
    job = Job((bad, *good))
    events = list(worker.run(job))
    assert {event.item for event in events if isinstance(event, VideoFinished)} == good
    (failure,) = [event.failure for event in events if isinstance(event, VideoFailed)]
    assert failure.item == bad
    frames = sum(event.frames for event in events if isinstance(event, FramesRead))
    catalog = open_catalog(tmp_path)
    assert frames >= len(catalog.videos) == 3
    assert catalog.failures == {"bad": failure}
    (shard,) = tmp_path.glob("shard-*.h5")
    before = shard.stat().st_ino
    told = [event for event in events if isinstance(event, VideoFinished | VideoFailed)]
    assert list(worker.run(job)) == told
    assert shard.stat().st_ino == before


class DeviceLost(RuntimeError):
    """What a GPU that fell off its bus comes to."""


class StandIn:
    """An encoder of a few lines, in place of one on a GPU; it may have no memory for more."""

    width = 3
    device = torch.device("cpu")

    def __init__(self, fits=10**9, error=torch.OutOfMemoryError):
        self.fits = fits
        self.error = error
        self.batches = []

    def encode(self, images):
        self.batches.append(len(images))
        if len(images) > self.fits:
            raise self.error
        return images.float().mean(dim=(2, 3))


@pytest.fixture
def stand_in(monkeypatch):
    """Have an encoder loaded in place of CLIP."""

    def put(encoder):
        monkeypatch.setattr("pipeline.engine.readers.load_encoder", lambda *_: encoder)
        return encoder

    return put


@pytest.mark.ray
@pytest.mark.parametrize("gpus", [0, 1])
def test_an_error_of_the_encoder_is_no_failure_of_a_video(
    local_ray, make_worker, demo_recipe, footage, tmp_path, stand_in, gpus
):
    stand_in(StandIn(fits=0, error=DeviceLost))
    paths = sorted(footage.rglob("*.mp4"))[:3]
    worker = make_worker(demo_recipe, gpus=gpus, batch=16)
    with pytest.raises(DeviceLost):
        list(worker.run(Job(tuple(VideoItem(p.stem, str(p)) for p in paths))))
    assert not list(tmp_path.glob("shard-*"))


@pytest.mark.ray
def test_a_gpus_batches_are_of_all_videos_and_what_was_busy_is_told(
    local_ray, make_worker, demo_recipe, footage, tmp_path, stand_in
):
    encoder = stand_in(StandIn())
    items = tuple(VideoItem(p.stem, str(p)) for p in sorted(footage.rglob("*.mp4")))
    worker = make_worker(demo_recipe, gpus=1, batch=16)
    jobs = [Job(items[:4]), Job(items[4:])]
    with ThreadPoolExecutor(2) as pool:  # as Ray runs two jobs of a worker
        events = [event for some in pool.map(list, map(worker.run, jobs)) for event in some]
    assert {e.item for e in events if isinstance(e, VideoFinished)} == set(items)
    assert set(encoder.batches) == {16}
    frames = sum(event.frames for event in events if isinstance(event, FramesRead))
    rows = sum(video.segments for video in open_catalog(tmp_path).videos.values())
    assert rows <= 16 * len(encoder.batches)
    load = [event for event in events if isinstance(event, WorkerLoad)][-1]
    assert frames > 0
    assert 0 < load.encoding < load.wall
    assert 0 < load.decoding < load.decoders * load.wall
    plain = StandIn()
    for video in open_catalog(tmp_path).videos.values():
        path = next(item.path for item in items if item.video_id == video.item.video_id)
        chunks = read_chunks(path, demo_recipe)
        alone = extract_video(video.item, chunks, plain, demo_recipe, batch=16)
        np.testing.assert_array_equal(read_segments(video), alone.segments)


@pytest.mark.ray
def test_short_memory_is_told_once_and_too_short_a_memory_ends_the_run_in_words(
    local_ray, make_worker, demo_recipe, footage, stand_in
):
    job = Job(tuple(VideoItem(p.stem, str(p)) for p in sorted(footage.rglob("*.mp4"))[:3]))
    stand_in(StandIn(fits=8))
    events = list(make_worker(demo_recipe, gpus=1, batch=16).run(job))
    (remark,) = [event for event in events if isinstance(event, Remark)]
    assert remark.line.startswith("out of memory with 16 frames at once")
    stand_in(StandIn(fits=4))
    with pytest.raises(ValueError, match="the GPU is out of memory with half a batch, too"):
        list(make_worker(demo_recipe, gpus=1, batch=16).run(Job(job.items, generation=1)))
