"""Every picture that a published protocol may have made of a frame, and their features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import av
import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from extract.crops import crop
from extract.decoders.pixels import resize, target_size
from extract.decoders.pyav_reader import decode_frames, to_rgb
from extract.decoders.reading import Reading
from extract.encoder import Encoder
from extract.probe import VideoProbe
from extract.recipe import RECIPES, Channels
from stores.records import SEGMENT_FRAMES

Matrix = Literal["bt601", "bt709"]

_GEOMETRIES = ("vadclip", "centre", "squash")  # recipes by whose resize and crops a frame is cut
_CHANNELS = get_args(Channels)
_MATRICES: dict[Matrix, str] = {"bt601": "ITU601", "bt709": "ITU709"}  # PyAV's names


@dataclass(frozen=True, slots=True)
class Image:
    """One distinct picture of a frame; ``crop`` counts as the recipe's crops do."""

    recipe: str
    crop: int
    channels: Channels
    matrix: Matrix


IMAGES = tuple(
    Image(name, number, channels, matrix)
    for matrix, name, channels in product(_MATRICES, _GEOMETRIES, _CHANNELS)
    for number in range(RECIPES[name].crop_count)
)
"""Every distinct picture of a frame, in the order in which :func:`_pictures` makes them."""


def _pictures(frame: av.VideoFrame, probe_info: VideoProbe) -> UInt8[Tensor, "i 3 224 224"]:
    cuts = []
    for matrix in _MATRICES.values():
        picture = to_rgb(frame, probe_info, matrix)
        for name, channels in product(_GEOMETRIES, _CHANNELS):
            recipe = replace(RECIPES[name], channels=channels)
            resized = resize(picture, target_size(probe_info, recipe.resize), recipe.resize)
            cuts.append(crop(torch.from_numpy(resized[np.newaxis]), recipe)[0])
    return torch.cat(cuts)


def encode_segments(
    probe_info: VideoProbe, segments: frozenset[int], encoder: Encoder
) -> tuple[dict[int, Float[np.ndarray, "i d"]], int, Matrix]:
    """Return the features of each frame of these segments by its number, one a picture.

    Beside them the number of all frames, and the matrix that our decoders take for this video.
    """
    features: dict[int, NDArray[np.float32]] = {}
    own: Matrix = "bt601"
    reading = Reading(probe_info, "pyav")
    for number, frame in enumerate(decode_frames(reading)):
        if number == 0:
            by_709 = to_rgb(frame, probe_info, _MATRICES["bt709"])
            own = "bt709" if np.array_equal(to_rgb(frame, probe_info), by_709) else "bt601"
        if number // SEGMENT_FRAMES in segments:
            pictures = _pictures(frame, probe_info).to(encoder.device)
            features[number] = encoder.encode(pictures).cpu().numpy()
    return features, reading.decoded, own
