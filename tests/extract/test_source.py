"""The interface of frame sources: anything that yields chunks can be extracted."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from extract.encoder import load_encoder
from extract.features import extract_video
from extract.recipe import RECIPES
from extract.source import Chunk, FrameSource
from extract.video import open_video
from stores.records import DecodeAudit, VideoItem

DEMO = RECIPES["demo"]


@dataclass(frozen=True)
class Repeated:
    """A source of chunks that were read before."""

    read: list[Chunk]
    seconds: float

    def chunks(self, chunk_frames: int) -> Iterator[Chunk]:
        yield from self.read


def features_of(source: FrameSource) -> np.ndarray:
    encoder = load_encoder(DEMO, "", "cpu")
    item = VideoItem("clip", "clip.mp4")
    return extract_video(item, source.chunks(2), encoder, DEMO, batch=4).segments


def test_features_do_not_depend_on_the_kind_of_source(write_video):
    video = open_video(write_video(frames=40), DEMO)
    repeated = Repeated(list(video.chunks(2)), video.seconds)
    np.testing.assert_array_equal(features_of(repeated), features_of(video))


def test_the_audit_comes_with_the_last_chunk_alone(write_video):
    first, last = open_video(write_video(frames=40), DEMO).chunks(2)
    assert first.last is None
    assert isinstance(last.last, DecodeAudit)
