"""The pictures of a frame that the protocol search compares."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from extract.container import DecodeError
from extract.encoder import load_encoder
from extract.features import extract_video
from extract.killable import killable
from extract.pictures import IMAGES, encode_segments
from extract.probe import probe
from extract.recipe import RECIPES
from extract.video import read_chunks
from stores.records import VideoItem


def process_of(_):
    return os.getpid()


def test_there_is_one_picture_for_every_way_to_cut_and_colour_a_frame():
    assert len(IMAGES) == len(set(IMAGES)) == 2 * 2 * (10 + 1 + 1)


@pytest.mark.slow
def test_a_picture_is_the_one_that_an_extraction_encodes(write_video):
    path = write_video(frames=20, size=(96, 64))
    encoder = load_encoder(RECIPES["demo"], "", "cpu")
    features, frames, own = encode_segments(probe(path), frozenset({1}), encoder)
    assert (sorted(features), frames) == ([16, 17, 18, 19], 20)
    for name in ("vadclip", "squash"):
        recipe = replace(RECIPES[name], frames="first", tail="keep", channels="bgr")
        chunks = read_chunks(path, recipe)
        made = extract_video(VideoItem("v", path), chunks, encoder, recipe, batch=64).segments
        for crop in range(recipe.crop_count):
            (number,) = (
                n
                for n, image in enumerate(IMAGES)
                if (image.recipe, image.crop) == (name, crop)
                and (image.channels, image.matrix) == ("bgr", own)
            )
            np.testing.assert_allclose(features[16][number], made[crop, 1], atol=2e-3)


@pytest.mark.slow
def test_a_decoder_that_hangs_is_killed(write_video):
    probe_info = probe(write_video(frames=16))
    encoder = load_encoder(RECIPES["demo"], "", "cpu")
    os.kill(killable(process_of, probe_info.path), signal.SIGSTOP)
    with pytest.raises(DecodeError, match=r"no answer within 3 s; decoder killed$"):
        encode_segments(probe_info, frozenset({0}), encoder, deadline=1.0)


@pytest.mark.long
def test_segments_of_several_calls_are_those_of_one(write_video):
    probe_info = probe(write_video(frames=200))
    encoder = load_encoder(RECIPES["demo"], "", "cpu")
    many, frames, own = encode_segments(probe_info, frozenset(range(11)), encoder)
    assert (len(many), frames) == (11 * 16, 200)
    few, *beside = encode_segments(probe_info, frozenset({10}), encoder)
    assert beside == [frames, own]
    assert sorted(few) == list(range(160, 176))
    for number, pictures in few.items():
        np.testing.assert_array_equal(many[number], pictures)
