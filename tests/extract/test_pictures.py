"""The pictures of a frame that the protocol search compares."""

from dataclasses import replace

import numpy as np
import pytest

from extract.encoder import load_encoder
from extract.features import extract_video
from extract.pictures import IMAGES, encode_segments
from extract.probe import probe
from extract.recipe import RECIPES
from extract.video import read_chunks
from stores.records import VideoItem


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
