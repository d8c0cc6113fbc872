"""Pictures come at the recipe's size, whatever decoder reads them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from extract.container import DecodeError
from extract.decoders.pixels import resize
from extract.recipe import RECIPES

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")


@pytest.mark.parametrize(
    ("mode", "shape"),
    [
        ("340x256", (256, 340)),
        ("short256", (256, 401)),
        ("squash224", (224, 224)),
        ("squash384-bilinear", (384, 384)),
        ("fit336-bicubic", (336, 526)),
    ],
)
def test_pictures_have_the_recipes_size(write_video, read, mode, shape):
    path = write_video("odd.mkv", size=(47, 30), codec="ffv1", pixels="yuv444p", frames=2)
    assert read(path, replace(EVERY, resize=mode)).frames.shape == (2, *shape, 3)


def test_a_line_is_not_blown_up_to_gigabytes(write_video, read):
    path = write_video("line.mkv", size=(640, 2), codec="ffv1", pixels="yuv444p", frames=1)
    with pytest.raises(DecodeError, match="640×2 is too narrow"):
        read(path, replace(EVERY, resize="short256"))
    with pytest.raises(DecodeError, match="too narrow to bring to a side of 224"):
        read(path, replace(EVERY, resize="fit224-bicubic"))


def test_shrinking_averages_but_for_the_published_recipe():
    checks = np.zeros((448, 448, 3), dtype=np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    assert np.all(np.abs(resize(checks, (112, 112), "squash224").astype(int) - 128) <= 1)
    published = resize(checks, (150, 150), "340x256")
    assert np.array_equal(published, cv2.resize(checks, (150, 150)))
    assert published.std() > 20
