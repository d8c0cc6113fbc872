import ctypes
import os
import re
import signal
import time
from dataclasses import replace

import av
import numpy as np
import psutil
import pytest
import ray

from extract.container import DecodeError
from extract.video import read_chunks
from pipeline.engine.cluster import CHUNK_FRAMES, PREFETCH
from pipeline.engine.decode_worker import Limits
from pipeline.engine.decoder_client import DecoderClient, DecoderLost
from stores.datasets.synthetic import dataset as synthetic

pytestmark = pytest.mark.ray

MEMORY = 4 << 30
PATIENT = Limits(deadline=60, memory=MEMORY)


@pytest.fixture
def video(footage) -> str:
    return str(next(p for p in sorted(footage.rglob("*.mp4")) if "test" in p.name))


@pytest.fixture
def mean16(demo_recipe):
    return replace(demo_recipe, frames="mean16")


@pytest.fixture(scope="session")
def long_video(tmp_path_factory) -> str:
    """More chunks than may be decoded ahead: 500 frames or more, all of them sampled."""
    root = tmp_path_factory.mktemp("long")
    synthetic.generate(root, 0, synthetic.Settings(1, 0, 0, 0, seconds=(20.0, 20.5)))
    (path,) = root.rglob("*.mp4")
    return str(path)


def pid_of(client: DecoderClient) -> int:
    """The process of the actor, asked of the actor itself."""
    return ray.get(client.actor.__ray_call__.remote(lambda actor: os.getpid()))


def test_a_stream_is_what_the_decoder_reads(local_ray, video, demo_recipe):
    client = DecoderClient(PATIENT)
    for _ in range(2):  # the second time on a worker that has read before
        streamed = list(client.stream(video, demo_recipe, "auto"))
        read = list(read_chunks(video, demo_recipe, chunk_frames=CHUNK_FRAMES))
        assert len(streamed) == len(read)
        for ours, theirs in zip(streamed, read, strict=True):
            np.testing.assert_array_equal(ours.frames, theirs.frames)
            np.testing.assert_array_equal(ours.times, theirs.times)
        assert streamed[-1].last == read[-1].last


def test_a_decoder_is_never_further_ahead_than_the_bound(local_ray, mean16, long_video):
    client = DecoderClient(PATIENT)
    stream = client.stream(long_video, mean16, "auto")
    for consumed in range(1, 4):
        next(stream)
        time.sleep(0.5)  # long enough to decode all of it, were there no bound
        produced = ray.get(client.actor.__ray_call__.remote(lambda actor: actor.produced))
        assert produced <= consumed + PREFETCH
    assert sum(len(chunk.segments) for chunk in stream) > 4 * CHUNK_FRAMES


def test_a_file_that_cannot_be_read_is_a_decode_error_and_the_worker_lives(
    local_ray, video, demo_recipe, tmp_path
):
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    client = DecoderClient(PATIENT)
    pid = pid_of(client)
    with pytest.raises(DecodeError, match=r"text\.mp4"):
        list(client.stream(str(text), demo_recipe, "auto"))
    assert list(client.stream(video, demo_recipe, "auto"))
    assert pid_of(client) == pid


def test_a_killed_worker_is_an_error_and_replaced(local_ray, long_video, video, mean16):
    client = DecoderClient(PATIENT)
    stream = client.stream(long_video, mean16, "auto")
    next(stream)
    os.kill(pid_of(client), signal.SIGKILL)
    with pytest.raises(DecoderLost, match="decode worker died"):
        list(stream)
    assert list(client.stream(video, mean16, "auto"))


def spin(_: object) -> None:
    """Stay in native code with the GIL held, for years: a pattern that backtracks."""
    re.match(r"(a+)+$", "a" * 64 + "b")


FAULTS = {
    "spins with the GIL held": (spin, "no frames within 3 s; decode worker killed"),
    "crashes": (lambda _: ctypes.string_at(0), "Segmentation fault"),
    "exits": (lambda _: os._exit(7), "decode worker died"),
    "is stopped": (lambda _: os.kill(os.getpid(), signal.SIGSTOP), "no frames within 3 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_worker_that_breaks_is_killed_named_and_replaced(local_ray, video, demo_recipe, fault):
    break_it, said = FAULTS[fault]
    client = DecoderClient(Limits(deadline=3, memory=MEMORY))
    pid = pid_of(client)
    list(client.stream(video, demo_recipe, "auto"))
    client.actor.__ray_call__.remote(break_it)
    with pytest.raises(DecoderLost, match=said):
        list(client.stream(video, demo_recipe, "auto"))
    client.limits = PATIENT  # a busy machine may take longer than that for a sound video
    assert list(client.stream(video, demo_recipe, "auto"))
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_video_that_needs_more_memory_than_it_may_have_is_named(
    local_ray, video, demo_recipe, tmp_path
):
    large = tmp_path / "large.mkv"
    with av.open(str(large), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width = stream.height = 4096
        for _ in range(3):
            picture = np.zeros((4096, 4096, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    client = DecoderClient(Limits(deadline=60, memory=64 << 20))
    with pytest.raises(DecoderLost, match="memory|died"):
        list(client.stream(str(large), demo_recipe, "pyav"))
    assert list(client.stream(video, demo_recipe, "auto"))
    assert list(DecoderClient(PATIENT).stream(str(large), demo_recipe, "pyav"))
