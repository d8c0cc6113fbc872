import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import ray

from extract.video import DecodeError, read_chunks
from pipeline.cluster import CHUNK_FRAMES, PREFETCH
from pipeline.decode import DecoderLost, Decoding
from stores.datasets import synthetic

pytestmark = pytest.mark.ray


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


def pid_of(decoding: Decoding) -> int:
    """The process of the actor, asked of the actor itself."""
    return ray.get(decoding.actor.__ray_call__.remote(lambda actor: os.getpid()))


def test_a_stream_is_what_the_decoder_reads(local_ray, video, demo_recipe):
    decoding = Decoding(deadline=60)
    for _ in range(2):  # the second time on a worker that has read before
        streamed = list(decoding.stream(video, demo_recipe, "auto"))
        read = list(read_chunks(video, demo_recipe, chunk_frames=CHUNK_FRAMES))
        assert len(streamed) == len(read)
        for ours, theirs in zip(streamed, read, strict=True):
            np.testing.assert_array_equal(ours.frames, theirs.frames)
            np.testing.assert_array_equal(ours.times, theirs.times)
        assert streamed[-1].last == read[-1].last


def test_a_decoder_is_never_further_ahead_than_the_bound(local_ray, mean16, long_video):
    decoding = Decoding(deadline=60)
    stream = decoding.stream(long_video, mean16, "auto")
    for consumed in range(1, 4):
        next(stream)
        time.sleep(0.5)  # long enough to decode all of it, were there no bound
        assert ray.get(decoding.actor.chunks_produced.remote()) <= consumed + PREFETCH
    assert sum(len(chunk.segments) for chunk in stream) > 4 * CHUNK_FRAMES


def test_a_file_that_cannot_be_read_is_a_decode_error_and_the_worker_lives(
    local_ray, video, demo_recipe, tmp_path
):
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    decoding = Decoding(deadline=60)
    pid = pid_of(decoding)
    with pytest.raises(DecodeError, match=r"text\.mp4"):
        list(decoding.stream(str(text), demo_recipe, "auto"))
    assert list(decoding.stream(video, demo_recipe, "auto"))
    assert pid_of(decoding) == pid


def test_a_killed_worker_is_told_and_replaced(local_ray, long_video, video, mean16):
    decoding = Decoding(deadline=60)
    stream = decoding.stream(long_video, mean16, "auto")
    next(stream)
    os.kill(pid_of(decoding), signal.SIGKILL)
    with pytest.raises(DecoderLost, match="decode worker died"):
        list(stream)
    assert list(decoding.stream(video, mean16, "auto"))


def test_a_silent_worker_is_ended_at_its_deadline(local_ray, video, demo_recipe):
    decoding = Decoding(deadline=2)
    pid = pid_of(decoding)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DecoderLost, match="no frames within 2 s"):
        list(decoding.stream(video, demo_recipe, "auto"))
    os.kill(pid, signal.SIGKILL)  # Ray asks the process to end; a stopped one cannot listen
    decoding._deadline = 60
    assert list(decoding.stream(video, demo_recipe, "auto"))
