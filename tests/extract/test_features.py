"""Pooling: the same whatever the chunks and batches, equal to a plain loop, and checked."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.features import extract_video
from extract.recipe import RECIPES
from extract.source import Chunk
from stores.records import DecodeAudit, VideoItem

ITEM = VideoItem("clip", "clip.mp4")
RECIPE = replace(RECIPES["squash"], model="test", weights="none")
TEN = replace(RECIPES["vadclip"], model="test", weights="none")


class MeanEncoder:
    """Mean colours of the picture's four quarters: a real encoder of a few lines."""

    width = 12
    device = torch.device("cpu")

    def __init__(self, scale=1.0, step=16):
        self.scale = scale
        self.step = step
        self.largest = 0

    def encode(self, images):
        self.largest = max(self.largest, len(images))
        seen = images[:, :, :: self.step, :: self.step].float()
        quarters = seen.unflatten(2, (2, -1)).unflatten(4, (2, -1)).mean((3, 5))
        return quarters.flatten(1) * self.scale


def video(frames, *, per_segment=16, size=(224, 224), seed=0):
    """Return frames [F,H,W,3] of flat colours, and the segment of each."""
    colours = np.random.default_rng(seed).integers(0, 256, size=(frames, 1, 1, 3), dtype=np.uint8)
    pictures = np.broadcast_to(colours, (frames, *size, 3)).copy()
    pictures[:, : size[0] // 2] //= 2
    return pictures, np.arange(frames) // per_segment


def chunks(pictures, segments, cuts):
    """Cut a video at the given frames into chunks."""
    edges = [0, *sorted(cuts), len(pictures)]
    count = len(pictures)
    for start, stop in pairwise(edges):
        last = DecodeAudit("test", count, count, count / 25) if stop == count else None
        yield Chunk(pictures[start:stop], segments[start:stop], np.arange(start, stop) / 25, last)


def plain(pictures, segments, recipe):
    """Encode and pool one frame and crop at a time."""
    encoder, rows = MeanEncoder(), []
    for segment in range(segments[-1] + 1):
        frames = []
        for picture in pictures[segments == segment]:
            feature = encoder.encode(torch.from_numpy(picture).permute(2, 0, 1)[None])[0].numpy()
            frames.append(feature / np.linalg.norm(feature) if recipe.l2_normalise else feature)
        rows.append(np.mean(frames, axis=0))
    return np.stack(rows)[None].astype(np.float16)


@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(1, 33),
    cuts=st.lists(st.integers(1, 32), max_size=4, unique=True),
    batch=st.integers(1, 50),
    l2_normalise=st.booleans(),
)
def test_chunks_and_batches_do_not_change_the_result(frames, cuts, batch, l2_normalise):
    recipe = replace(RECIPE, l2_normalise=l2_normalise)
    pictures, segments = video(frames)
    encoder = MeanEncoder()
    stream = chunks(pictures, segments, [cut for cut in cuts if cut < frames])
    got = extract_video(ITEM, stream, encoder, recipe, batch=batch)
    assert encoder.largest == min(batch, frames)
    assert got.segments.dtype == np.float16
    np.testing.assert_allclose(
        got.segments, plain(pictures, segments, recipe), rtol=2e-3, atol=2e-3
    )
    np.testing.assert_array_equal(got.times, np.arange(frames) / 25)


def test_ten_crops_are_ten_rows_with_mirrors_mirrored():
    pictures, segments = video(5, per_segment=2, size=(256, 340))
    pictures[:, :, 170:] = 0
    encoder = MeanEncoder(step=1)
    got = extract_video(ITEM, chunks(pictures, segments, [1, 3]), encoder, TEN, batch=25).segments
    assert got.shape == (10, 3, 12)
    assert encoder.largest == 20  # whole frames: two of ten crops
    quarters = got.reshape(10, 3, 3, 2, 2)
    np.testing.assert_array_equal(quarters[5:], quarters[:5][..., ::-1])


def test_one_frame_a_segment_is_that_frame():
    pictures, segments = video(4, per_segment=1)
    got = extract_video(ITEM, chunks(pictures, segments, []), MeanEncoder(), RECIPE, batch=3)
    np.testing.assert_array_equal(got.segments, plain(pictures, segments, RECIPE))


def test_times_of_frames_that_were_not_sampled_are_kept():
    pictures, segments = video(2, per_segment=1)
    stream = [
        Chunk(pictures, segments, np.arange(30) / 25),
        Chunk(
            pictures[:0], segments[:0], np.arange(30, 37) / 25, DecodeAudit("test", 37, 37, 1.48)
        ),
    ]
    got = extract_video(ITEM, stream, MeanEncoder(), RECIPE, batch=8)
    assert got.frames == 37
    assert got.audit.decoded_frames == 37
    assert got.segments.shape == (1, 2, 12)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (float("inf"), "clip: features are not finite at precision fp32"),
        (1e6, "does not fit float16"),
    ],
)
def test_features_out_of_range_name_the_video(scale, message):
    stream = chunks(*video(3), [])
    with pytest.raises(ValueError, match=message):
        extract_video(ITEM, stream, MeanEncoder(scale), RECIPE, batch=8)


@pytest.mark.parametrize("segments", [[1, 1, 2], [0, 2, 2], [0, 1, 0]])
def test_segments_must_count_up(segments):
    pictures, _ = video(3)
    with pytest.raises(ValueError, match="clip: segment . follows"):
        extract_video(
            ITEM, chunks(pictures, np.array(segments), []), MeanEncoder(), RECIPE, batch=8
        )


def test_a_stream_that_breaks_off_is_refused():
    pictures, segments = video(3)
    cut = [replace(chunk, last=None) for chunk in chunks(pictures, segments, [1])]
    with pytest.raises(ValueError, match="no audit"):
        extract_video(ITEM, cut, MeanEncoder(), RECIPE, batch=8)
    with pytest.raises(ValueError, match="not one frame"):
        extract_video(ITEM, [], MeanEncoder(), RECIPE, batch=8)


def test_times_that_run_backwards_are_refused():
    pictures, segments = video(3)
    audit = DecodeAudit("test", 3, 3, 0.12)
    stream = [Chunk(pictures, segments, np.array([0.0, 0.08, 0.04]), audit)]
    with pytest.raises(ValueError, match="frame 2 is earlier"):
        extract_video(ITEM, stream, MeanEncoder(), RECIPE, batch=8)
