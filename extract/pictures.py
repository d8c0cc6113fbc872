"""Every picture that a published protocol may have made of a frame, and their features.

Owns what differs before CLIP: resize, crop, channel order and colour matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import av
import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from extract.crops import crop
from extract.decoders import Reading, decode_pyav, resize, target_size
from extract.encoder import Encoder
from extract.probe import VideoProbe
from extract.recipe import RECIPES
from stores.records import SEGMENT_FRAMES

Matrix = Literal["bt601", "bt709"]

_GEOMETRIES = ("vadclip", "centre", "squash")  # recipes by whose resize and crops a frame is cut
_CHANNELS: tuple[Literal["rgb", "bgr"], ...] = ("rgb", "bgr")
_MATRICES: dict[Matrix, str] = {"bt601": "ITU601", "bt709": "ITU709"}  # PyAV's names


@dataclass(frozen=True, slots=True)
class Image:
    """One distinct picture of a frame; ``crop`` counts as the recipe's crops do."""

    recipe: str
    crop: int
    channels: Literal["rgb", "bgr"]
    matrix: Matrix


def _images() -> Iterator[Image]:
    for matrix, name, channels in product(_MATRICES, _GEOMETRIES, _CHANNELS):
        for number in range(RECIPES[name].crop_count):
            yield Image(name, number, channels, matrix)


IMAGES = tuple(_images())
"""Every distinct picture of a frame, in the order in which :func:`_pictures` makes them."""


def _pictures(frame: av.VideoFrame, facts: VideoProbe) -> UInt8[Tensor, "i 3 224 224"]:
    """Return the pictures of a frame, one for each of ``IMAGES``."""
    cuts = []
    for matrix in _MATRICES.values():
        picture = _rgb(frame, facts, matrix)
        for name, channels in product(_GEOMETRIES, _CHANNELS):
            recipe = replace(RECIPES[name], channels=channels)
            resized = resize(picture, target_size(facts, recipe.resize), recipe.resize)
            cuts.append(crop(torch.from_numpy(resized[np.newaxis]), recipe)[0])
    return torch.cat(cuts)


def _rgb(frame: av.VideoFrame, facts: VideoProbe, matrix: str | None) -> NDArray[np.uint8]:
    """Return a frame upright as RGB [H,W,3]; without a matrix, as our decoders convert it."""
    pixels = frame.to_ndarray(format="rgb24", **({"src_colorspace": matrix} if matrix else {}))
    return np.rot90(pixels, facts.rotation // 90)


def encode_segments(
    facts: VideoProbe, segments: frozenset[int], encoder: Encoder
) -> tuple[dict[int, Float[np.ndarray, "i d"]], int, Matrix]:
    """Return the features of each frame of these segments by its number, one a picture.

    Beside them the number of all frames, and the matrix that our decoders take for this video.
    """
    features: dict[int, NDArray[np.float32]] = {}
    own: Matrix = "bt601"
    reading = Reading(facts, "pyav")
    for number, frame in enumerate(decode_pyav(reading)):
        if number == 0 and np.array_equal(
            _rgb(frame, facts, None), _rgb(frame, facts, _MATRICES["bt709"])
        ):
            own = "bt709"
        if number // SEGMENT_FRAMES in segments:
            pictures = _pictures(frame, facts).to(encoder.device)
            features[number] = encoder.encode(pictures).cpu().numpy()
    return features, reading.decoded, own
