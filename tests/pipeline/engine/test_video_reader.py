"""Video readers on decode workers of a real Ray, with the demo's encoder."""

import os
import signal
from functools import partial
from pathlib import Path

import av
import pytest
import ray

from extract.encoder import load_encoder
from extract.features import InTurn, frame_program
from pipeline.engine.decode_worker import Limits
from pipeline.engine.decoder_client import DecoderClient
from pipeline.engine.video_reader import SECOND_DECODER, VideoReader
from stores.records import Failure, VideoFeatures, VideoItem

pytestmark = pytest.mark.ray


PATIENT = Limits(deadline=60, memory=4 << 30)


@pytest.fixture(scope="module")
def client(local_ray):
    return DecoderClient(PATIENT)


@pytest.fixture(scope="module")
def encoder(demo_recipe):
    return load_encoder(demo_recipe, "", "cpu")


@pytest.fixture
def make_reader(client, encoder, demo_recipe):
    def make(client=client, strict=False):
        means = partial(InTurn, frame_program(encoder, demo_recipe), demo_recipe, 64)
        reader = VideoReader(client, means, demo_recipe, decoder="auto", strict=strict)
        return lambda item, emit: reader.read(item, emit)()

    return make


@pytest.fixture
def item(footage):
    path = next(path for path in sorted(footage.rglob("*.mp4")))
    return VideoItem(path.stem, str(path))


def test_a_video_becomes_features_and_its_frames_are_reported(make_reader, item):
    events = []
    video = make_reader()(item, events.append)
    assert isinstance(video, VideoFeatures)
    assert video.item == item
    assert sum(event.frames for event in events) == video.frames


def test_a_video_whose_decoder_was_killed_is_read_by_the_second_one(make_reader, client, item):
    reader = make_reader()
    first = reader(item, lambda _: None)
    os.kill(ray.get(client.actor.process.remote()), signal.SIGKILL)
    video = reader(item, lambda _: None)
    assert isinstance(video, VideoFeatures)
    assert video.audit.decoder == SECOND_DECODER
    assert video.frames == first.frames


def test_a_video_that_loses_both_decoders_fails_with_both_reasons(make_reader, item):
    failure = make_reader(DecoderClient(Limits(deadline=0, memory=4 << 30)))(item, print)
    assert isinstance(failure, Failure)
    assert failure.attempts == 2
    lost = "no frames within 0 s; decode worker killed"
    assert failure.reason == f"{lost}; then: {lost}"


def test_what_cannot_be_read_is_a_failure_that_names_the_file(make_reader, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    reader = make_reader()
    failure = reader(VideoItem("text", str(tmp_path / "text.mp4")), lambda _: None)
    assert (failure.item.video_id, failure.attempts) == ("text", 1)
    assert str(tmp_path / "text.mp4") in failure.reason
    absent = reader(VideoItem("absent", ""), lambda _: None)
    assert absent.reason.startswith("listed, but no file of that name")


def test_a_file_behind_a_url_is_read_and_named_by_its_url(make_reader, item):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/reader/good.mp4", Path(item.path).read_bytes())
    memory.pipe_file("/reader/text.mp4", b"no video")
    reader = make_reader()
    good = reader(VideoItem("good", "memory://reader/good.mp4"), lambda _: None)
    assert isinstance(good, VideoFeatures)
    text = reader(VideoItem("text", "memory://reader/text.mp4"), lambda _: None)
    assert "memory://reader/text.mp4" in text.reason
    gone = reader(VideoItem("gone", "memory://reader/gone.mp4"), lambda _: None)
    assert isinstance(gone, Failure)


def test_strict_refuses_a_video_that_ends_early(make_reader, item, tmp_path):
    cut = tmp_path / "cut.mkv"
    with av.open(item.path) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) // 4])
    video = make_reader()(VideoItem("cut", str(cut)), lambda _: None)
    assert video.audit.mismatch
    failure = make_reader(strict=True)(VideoItem("cut", str(cut)), lambda _: None)
    assert failure.reason == f"strict: {video.audit.mismatch}"
