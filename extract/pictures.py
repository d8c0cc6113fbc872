"""Every picture that a published protocol may have made of a frame, and their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from extract.crops import crop
from extract.decoders.pixels import Picture, resize, target_size
from extract.decoders.pyav_reader import decode_frames, to_rgb
from extract.decoders.reading import Reading
from extract.encoder import Encoder
from extract.killable import DEADLINE, SLOWEST, killable
from extract.probe import VideoProbe
from extract.recipe import RECIPES, Channels
from stores.records import SEGMENT_FRAMES

Matrix = Literal["bt601", "bt709"]

_GEOMETRIES = ("vadclip", "centre", "squash")  # recipes by whose resize and crops a frame is cut
_CHANNELS = get_args(Channels)
_MATRICES: dict[Matrix, str] = {"bt601": "ITU601", "bt709": "ITU709"}  # PyAV's names
_OURS_BY_DEFAULT: Matrix = "bt601"
_SEGMENTS_A_CALL = 8  # 1.4 MB a frame travel from the process that decodes, and it begins anew


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
"""Every distinct picture of a frame, in the order in which :func:`_cut` makes them."""


def encode_segments(
    probe_info: VideoProbe,
    segments: frozenset[int],
    encoder: Encoder,
    *,
    deadline: float = DEADLINE,
) -> tuple[dict[int, Float[np.ndarray, "i d"]], int, Matrix]:
    """Return the features of each frame of these segments by its number, one a picture.

    Beside them the number of all frames, and the matrix that our decoders take for this video.

    Raises:
        DecodeError: The video cannot be read, or not within ``deadline`` seconds, or ``SLOWEST``
            times its own duration where that is more.
    """
    features: dict[int, NDArray[np.float32]] = {}
    deadline = max(deadline, SLOWEST * probe_info.seconds)
    wanted, frames, own = sorted(segments), 0, _OURS_BY_DEFAULT
    for start in range(0, max(len(wanted), 1), _SEGMENTS_A_CALL):
        some = frozenset(wanted[start : start + _SEGMENTS_A_CALL])
        arguments = (probe_info.path, probe_info, some)
        resized, frames, own = killable(_resized_frames, *arguments, deadline=deadline)
        for number, pictures in resized.items():
            batch = _cut(pictures).to(encoder.device)
            features[number] = encoder.encode(batch).cpu().numpy()
    return features, frames, own


def _resized_frames(
    _: str, probe_info: VideoProbe, segments: frozenset[int]
) -> tuple[dict[int, list[Picture]], int, Matrix]:
    """Return the frames of these segments by every matrix at every geometry's size, and so on."""
    resized: dict[int, list[Picture]] = {}
    own = _OURS_BY_DEFAULT
    reading = Reading(probe_info, "pyav")
    for number, frame in enumerate(decode_frames(reading)):
        if number == 0:
            by_709 = to_rgb(frame, probe_info, _MATRICES["bt709"])
            own = "bt709" if np.array_equal(to_rgb(frame, probe_info), by_709) else "bt601"
        if number // SEGMENT_FRAMES in segments:
            pictures = [to_rgb(frame, probe_info, matrix) for matrix in _MATRICES.values()]
            modes = [RECIPES[name].resize for name in _GEOMETRIES]
            resized[number] = [
                resize(picture, target_size(probe_info, mode), mode)
                for picture, mode in product(pictures, modes)
            ]
    return resized, reading.decoded, own


def _cut(resized: Sequence[Picture]) -> UInt8[Tensor, "i 3 224 224"]:
    """Return a frame's pictures in the order of :data:`IMAGES`."""
    cuts: list[Tensor] = []
    recipes = [RECIPES[name] for _, name in product(_MATRICES, _GEOMETRIES)]
    for (recipe, picture), channels in product(zip(recipes, resized, strict=True), _CHANNELS):
        cuts += crop(torch.from_numpy(picture[np.newaxis]), replace(recipe, channels=channels))
    return torch.cat(cuts)
