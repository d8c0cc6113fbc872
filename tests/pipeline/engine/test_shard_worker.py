"""The shard worker, run in this process on decode workers of a real Ray."""

import threading

import pytest
import torch

from pipeline.engine.cluster import plan_workers
from pipeline.engine.events import FramesRead, VideoFailed, VideoFinished
from pipeline.engine.shard_worker import Job, ShardWorker, SharedEncoder, stage_settings
from pipeline.options import ReadOptions
from pipeline.stages.extract import shard_sink
from stores.features.catalog import open_catalog
from stores.records import VideoItem


@pytest.fixture
def make_worker(tmp_path):
    """Build a shard worker with two decoders that commits to ``tmp_path``."""

    def make(recipe):
        settings = stage_settings(recipe, "", ReadOptions())
        return ShardWorker(settings, plan_workers([(2.0, 0)]), shard_sink(tmp_path, recipe))

    threads = torch.get_num_threads()
    yield make
    torch.set_num_threads(threads)  # a shard worker sets those of its process, which is ours here


def test_options_become_flat_settings(demo_recipe):
    reading = ReadOptions(decoder="pyav", batch=8, deadline=9.0, decoder_memory=0.5, strict=True)
    settings = stage_settings(demo_recipe, "openai", reading)
    assert (settings.decoder, settings.batch, settings.strict) == ("pyav", 8, True)
    assert (settings.limits.deadline, settings.limits.memory) == (9.0, 1 << 29)


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
    assert list(worker.run(job)) == [VideoFinished(item) for item in job.items]
    assert shard.stat().st_ino == before


class Broken:
    """An encoder whose device is out of memory."""

    width = 64
    device = torch.device("cpu")

    def encode(self, images):
        raise RuntimeError("out of memory")


@pytest.mark.ray
def test_an_error_of_the_encoder_is_no_failure_of_a_video(
    local_ray, make_worker, demo_recipe, footage, tmp_path, monkeypatch
):
    monkeypatch.setattr("pipeline.engine.shard_worker.load_encoder", lambda *_: Broken())
    paths = sorted(footage.rglob("*.mp4"))[:3]
    with pytest.raises(RuntimeError, match="out of memory"):
        list(make_worker(demo_recipe).run(Job(tuple(VideoItem(p.stem, str(p)) for p in paths))))
    assert not list(tmp_path.iterdir())


class Arithmetic:
    """An encoder that notes how many threads torch has while it runs."""

    width = 1
    device = torch.device("cpu")

    def __init__(self):
        self.threads = []

    def encode(self, images):
        self.threads.append(torch.get_num_threads())
        return images.float().mean(dim=(1, 2, 3))[:, None]


def test_threads_that_share_an_encoder_share_the_cores():
    plain = Arithmetic()
    shared = SharedEncoder(plain, cores=4)
    images = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)

    def encode_beside(others):
        with shared.used():
            if others:
                thread = threading.Thread(target=encode_beside, args=(others - 1,))
                thread.start()
                thread.join()
            else:
                shared.encode(images)

    threads = torch.get_num_threads()
    try:
        for others in (0, 1, 3, 7):
            encode_beside(others)
    finally:
        torch.set_num_threads(threads)
    assert plain.threads == [4, 2, 1, 1]
