import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest
import ray

from pipeline.engine.driver import pack_jobs, run_stage
from pipeline.engine.events import FramesRead, VideoFailed, VideoFinished, no_progress
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions
from pipeline.stages.extract import shard_sink
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.shards import read_index, read_segments
from stores.records import StoreError, VideoItem

SYNTHETIC = base.load("synthetic")
QUIET = partial(no_progress, "")


def test_jobs_are_whole_videos_in_order_and_none_is_lost():
    items = [VideoItem(str(n), "") for n in range(10)]
    jobs = pack_jobs(items, 4)
    assert [len(job.items) for job in jobs] == [4, 4, 2]
    assert [item for job in jobs for item in job.items] == items
    assert pack_jobs([], 4) == []


def shard_worker_pids() -> list[int]:
    """Processes below this one: other runs on the machine are none of ours."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended since
            if "ray::ShardWorker" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


@pytest.fixture
def settings(demo_recipe):
    return stage_settings(demo_recipe, "", ReadOptions())


@pytest.mark.ray
def test_a_killed_shard_worker_costs_its_job_and_nothing_else(
    footage, extracted, settings, tmp_path
):
    items = SYNTHETIC.discover(footage)
    sink = shard_sink(tmp_path, settings.recipe)
    killed = []

    def kill_after_the_first_shard():
        while not list(tmp_path.glob("shard-*.h5")):
            ended.wait(0.02)
        for pid in shard_worker_pids():
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    ended = threading.Event()
    killer = threading.Thread(target=kill_after_the_first_shard)
    killer.start()
    tally = run_stage(items, settings, sink, per_job=2, progress=QUIET)
    killer.join()
    assert killed
    assert tally.failures == []
    held = [v.item.video_id for p in tmp_path.glob("shard-*.h5") for v in read_index(p).videos]
    assert sorted(held) == sorted(item.video_id for item in items)
    ours, alone = open_catalog(tmp_path), open_catalog(extracted / "synthetic" / "features")
    for key, video in ours.videos.items():
        one, other = read_segments(video), read_segments(alone.videos[key])
        np.testing.assert_allclose(one.astype(np.float32), other.astype(np.float32), atol=2e-2)
    assert not ray.is_initialized()


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_that_takes_its_worker_down_every_time_fails_and_the_others_are_done(
    footage, settings, tmp_path
):
    items = SYNTHETIC.discover(footage)[:3]
    deadly = items[1]
    attempts, events, shown = tmp_path / "attempts", [], []
    sink = shard_sink(tmp_path, settings.recipe)

    def write(videos, failures, generation):
        if any(video.item == deadly for video in videos):
            with attempts.open("a") as file:
                file.write(".")
            os.kill(os.getpid(), signal.SIGKILL)
        sink.write(videos, failures, generation)

    @contextmanager
    def progress(videos):
        shown.append(videos)
        yield events.append

    tally = run_stage(
        items,
        settings,
        replace(sink, write=write),
        per_job=1,
        progress=progress,
    )
    (failure,) = tally.failures
    assert (failure.item, failure.attempts) == (deadly, 3)
    assert failure.reason.startswith("its shard worker died 3 times: ")
    assert attempts.read_text() == "..."
    assert tally.done == 2
    catalog = open_catalog(tmp_path)
    assert catalog.failures == {deadly.video_id: failure}
    assert set(catalog.videos) == {items[0].video_id, items[2].video_id}
    assert shown == [3]
    assert [event.failure for event in events if isinstance(event, VideoFailed)] == [failure]
    assert sum(isinstance(event, VideoFinished) for event in events) == 2
    frames = sum(event.frames for event in events if isinstance(event, FramesRead))
    assert tally.frames == frames > 0


@pytest.mark.ray
@pytest.mark.long
def test_what_became_of_a_video_is_told_once(footage, settings, tmp_path):
    """A worker that is lost while it tells of what it committed is replaced, and tells again."""
    found = SYNTHETIC.discover(footage)[:1]
    items = [*found, VideoItem("gone", str(tmp_path / "gone.mp4"))]
    sink, died = shard_sink(tmp_path, settings.recipe), tmp_path / "died"

    def read(shard):
        first, second = sink.read(shard)
        yield first
        if not died.exists():
            died.touch()
            time.sleep(1.0)  # the driver hears of the first
            os.kill(os.getpid(), signal.SIGKILL)
        yield second

    run = replace(settings, workers=1)
    tally = run_stage(items, run, replace(sink, read=read), per_job=2, progress=QUIET)
    assert died.exists()
    assert (tally.done, [failure.item.video_id for failure in tally.failures]) == (1, ["gone"])


@pytest.mark.ray
@pytest.mark.long
def test_a_run_whose_raylet_is_killed_ends_by_itself_and_says_so(footage, tmp_path):
    """It waited for workers that no node could start, without end."""
    command = [sys.executable, "-m", "pipeline", "extract", "--root", footage, "--out", tmp_path]
    run = subprocess.Popen(
        [*map(str, command), "--videos-per-shard", "1"], stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.rglob("shard-*.h5")):
        assert run.poll() is None
        time.sleep(0.05)
    (raylet,) = [p for p in psutil.Process(run.pid).children() if p.name() == "raylet"]
    raylet.kill()
    _, said = run.communicate(timeout=200)
    assert run.returncode == 2, said
    assert "Ray is gone from under this command" in said
    assert "run the same command again" in said
    assert not list(tmp_path.rglob(".partial-*"))


@pytest.mark.ray
@pytest.mark.long
def test_results_that_cannot_be_written_end_the_run_in_words_of_our_own(
    footage, settings, tmp_path
):
    """What came was the worker's whole traceback, put in one line."""
    sink = shard_sink(tmp_path / "file" / "features", settings.recipe)
    (tmp_path / "file").write_text("in the way")
    items = SYNTHETIC.discover(footage)[:1]
    with pytest.raises(StoreError) as raised:
        run_stage(items, settings, sink, per_job=1, progress=QUIET)
    assert str(raised.value).startswith(f"cannot write {tmp_path}/file/features/shard-")
    assert str(raised.value).endswith("Not a directory")
    assert not ray.is_initialized()
