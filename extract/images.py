"""Folders of images as videos: their frames in order of number, one at a time, as FFmpeg has them.

An image that is damaged costs its own frame, and a number that is left out counts as one that is
lost, so that times are those of the numbers. Nothing states a rate: whoever reads gives it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from extract.container import MAX_PIXELS, DecodeError, check_size
from stores.files.locations import is_url
from stores.files.sequences import images_in, missing_numbers, step_of

IMAGES = "images"
"""What stands for the container, and for the decoder, where a folder of images is read."""

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "TGA")
_DEEP = (
    "I",
    "F",
    "I;16",
    "I;16L",
    "I;16B",
    "I;16N",
)  # of more than 8 bits: no telling what is white

_MOST_PLACES = 2  # for each image: beyond that numbers are no frames', and only their order counts

# What Pillow raises for damaged images, of which each format has its own.
_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError),
    *(struct.error, zlib.error),
)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a video by the place of each among its frames, from 0, which counts numbers.

    ``frames`` counts the places, those without an image as well, which ``missing`` names.
    """

    path: str
    images: Sequence[tuple[int, Path]]
    frames: int
    missing: str

    def size(self) -> tuple[int, int]:
        """Return width and height of the first image that states them.

        Raises:
            DecodeError: None does, or they are too large.
        """
        for _, image in self.images:
            if (size := _stated_size(image)) is not None:
                check_size(self.path, *size)
                return size
        raise DecodeError(
            f"{self.path}: none of its {len(self.images)} images can be read; those of more than 8 "
            "bits a pixel and colour have to be converted"
        )

    @property
    def suffix(self) -> str:
        """The format of the images, as their suffix says."""
        return self.images[0][1].suffix.lstrip(".").lower()


def find_images(path: str) -> ImageFolder | None:
    """Return the images of a folder that is a video, None for whatever else is there.

    Raises:
        DecodeError: Two images have one number.
    """
    numbered = [] if is_url(path) else images_in(Path(path))
    if not numbered:
        return None
    for (number, image), (following, other) in pairwise(numbered):
        if number == following:
            what = f"{image.name} and {other.name} are of one number"
            raise DecodeError(f"{path}: {what}; remove one of them")
    numbers = [number for number, _ in numbered]
    first, step = numbers[0], step_of(numbers)
    frames = (numbers[-1] - first) // step + 1
    if frames > _MOST_PLACES * len(numbers):  # dates, say: no numbers of frames
        return ImageFolder(path, [*enumerate(image for _, image in numbered)], len(numbers), "")
    placed = [((number - first) // step, image) for number, image in numbered]
    return ImageFolder(path, placed, frames, missing_numbers(numbers))


def decode_images(folder: ImageFolder, lose: Callable[[], None]) -> Iterator[av.VideoFrame]:
    """Yield every image that decodes, with its place as its time; ``lose`` is called for others."""
    for place, image in folder.images:
        picture = read_image(image)
        if picture is None:
            lose()
            continue
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = place
        yield frame


def read_image(path: Path) -> NDArray[np.uint8] | None:
    """Return an image as RGB [H,W,3], or None where it is too deep or does not decode whole."""
    if (size := _stated_size(path)) is None or size[0] * size[1] > MAX_PIXELS:
        return None
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return np.asarray(image.convert("RGB"))
    except _DAMAGED:
        return None


def read_image_stills(folder: ImageFolder, wanted: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Return the image at each place, the last before it that decodes, or else the next one.

    Raises:
        DecodeError: None decodes.
    """
    found: list[NDArray[np.uint8]] = []
    for place in wanted:
        before = [image for own, image in folder.images if own <= place][::-1]
        after = [image for own, image in folder.images if own > place]
        pictures = (read_image(image) for image in [*before, *after])
        picture = next((each for each in pictures if each is not None), None)
        if picture is None:
            raise DecodeError(f"{folder.path}: no picture decodes")
        found.append(picture)
    return found


def _stated_size(path: Path) -> tuple[int, int] | None:
    """Return the width and height that an image states, None where it is none, or too deep."""
    if not path.is_file():  # a pipe would be waited for
        return None
    try:
        with Image.open(path, formats=_FORMATS) as image:  # of which it reads the header alone
            return None if image.mode in _DEEP else image.size
    except (*_DAMAGED, Image.DecompressionBombError):
        return None
