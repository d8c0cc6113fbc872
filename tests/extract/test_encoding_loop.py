"""Any mix of videos in the batches of a loop gives the rows of each video read alone."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder import load_encoder
from extract.encoding_loop import BATCHES, EncodingLoop
from extract.features import InTurn, frame_program
from extract.lanes import ThreadLane
from extract.recipe import RECIPES

MEAN = replace(RECIPES["squash"], model="test", weights="none")
MIDDLE = replace(MEAN, frames="middle")


class Colours:
    """An encoder whose sums depend on the order in which they are made."""

    device = torch.device("cpu")
    width = 6

    def encode(self, images):
        seen = images[:, :, ::100, ::100].float().flatten(1)
        return torch.cat([seen.mean(1, keepdim=True).sin(), seen[:, :5] / 7], dim=1)


def frames_of(seed, count):
    """Draw frames of noise; what a mean of them is depends on each."""
    colours = np.random.default_rng(seed).integers(0, 256, (count, 3, 3, 3), dtype=np.uint8)
    frames = np.zeros((count, 224, 224, 3), np.uint8)
    frames[:, ::100, ::100] = colours
    return frames


def alone(frames, segments, recipe):
    means = InTurn(frame_program(Colours(), recipe), recipe, frames=4)
    means.add(frames, segments)
    means.close()
    return means.means()


@st.composite
def mixes(draw):
    """Videos of some lengths, and the order and sizes in which their frames come."""
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    left = dict(enumerate(lengths))
    turns = []
    while left:
        number = draw(st.sampled_from(sorted(left)))
        count = draw(st.integers(1, left[number]))
        turns.append((number, count))
        left[number] -= count
        if not left[number]:
            del left[number]
    return lengths, turns


@given(mix=mixes(), batch=st.integers(1, 24), per_segment=st.sampled_from([1, 5, 16]))
def test_any_mix_gives_the_rows_of_each_video_alone_to_the_bit(mix, batch, per_segment):
    lengths, turns = mix
    recipe = MIDDLE if per_segment == 1 else MEAN
    loop = EncodingLoop(ThreadLane(frame_program(Colours(), recipe)), recipe, batch)
    videos = [
        (frames_of(n, length), np.arange(length) // per_segment) for n, length in enumerate(lengths)
    ]
    feeds = [loop.feed() for _ in videos]
    given_so_far = [0] * len(videos)
    for number, count in turns:
        start = given_so_far[number]
        given_so_far[number] += count
        frames, segments = (each[start : start + count] for each in videos[number])
        feeds[number].add(frames, segments)
    for feed, (frames, segments) in zip(feeds, videos, strict=True):
        np.testing.assert_array_equal(feed.means(), alone(frames, segments, recipe))
    assert loop.images == sum(lengths)
    loop.stop()


def test_ten_crops_of_the_demo_encoder_come_out_as_alone():
    recipe = replace(RECIPES["vadclip"], model="tiny", l2_normalise=True)
    encoder = load_encoder(recipe, "", "cpu")
    loop = EncodingLoop(ThreadLane(frame_program(encoder, recipe)), recipe, 3)
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (7, 256, 340, 3), dtype=np.uint8)
    segments = np.array([0, 0, 0, 0, 1, 1, 2])
    feed, means = loop.feed(), InTurn(frame_program(encoder, recipe), recipe, 3)
    for each in (feed, means):
        each.add(frames, segments)
        each.close()
    assert feed.means().shape == (10, 3, 64)
    np.testing.assert_allclose(feed.means(), means.means(), rtol=0, atol=1e-6)


def test_a_slow_video_holds_up_nobody_and_memory_is_bounded():
    """Frames of a fast one are encoded while the slow one has given a single frame."""
    entered, go_on = threading.Event(), threading.Event()

    def program(frames):
        entered.set()
        go_on.wait(30)
        return frame_program(Colours(), MEAN)(frames)

    loop = EncodingLoop(ThreadLane(program), MEAN, 8)
    slow, fast = loop.feed(), loop.feed()
    slow.add(frames_of(0, 1), np.zeros(1, np.int64))
    frames, segments = frames_of(1, 100), np.arange(100) // 16
    given_frames = []

    def feed_fast():
        for start in range(0, 100, 4):
            fast.add(frames[start : start + 4], segments[start : start + 4])
            given_frames.append(4)

    feeding = threading.Thread(target=feed_fast)
    feeding.start()
    assert entered.wait(30)
    time.sleep(0.3)  # until it has to wait for room
    assert sum(given_frames) <= BATCHES * 8
    go_on.set()
    feeding.join(30)
    np.testing.assert_array_equal(fast.means(), alone(frames, segments, MEAN))
    slow.add(frames_of(2, 1), np.zeros(1, np.int64))
    assert slow.means().shape == (1, 1, 6)


def test_what_goes_wrong_on_the_device_is_raised_where_frames_are_given_and_waited_for():
    def program(frames):
        raise RuntimeError("device lost")

    loop = EncodingLoop(ThreadLane(program), MEAN, 2)
    feed = loop.feed()
    frames = frames_of(0, 2 * BATCHES + 1)
    with pytest.raises(RuntimeError, match="device lost"):
        feed.add(frames, np.zeros(len(frames), np.int64))
    with pytest.raises(RuntimeError, match="device lost"):
        feed.means()
