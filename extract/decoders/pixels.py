"""What every decoder makes of a picture: the recipe's size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from extract.container import DecodeError
from extract.probe import VideoProbe
from extract.recipe import Resize, stated_resize

Picture = NDArray[np.uint8]
"""An RGB picture [H,W,3]."""

_MAX_SIDE = 8192  # after resizing: ``short256`` of a line one pixel high would be gigabytes


def target_size(probe_info: VideoProbe, mode: Resize) -> tuple[int, int]:
    """Return the (width, height) to which a recipe's ``resize`` brings a video's upright frames.

    Raises:
        DecodeError: The short side is given and would make the long one longer than 8192.
    """
    stated = stated_resize(mode)
    if stated is not None and stated.squash:
        return stated.side, stated.side
    if mode == "340x256":
        return 340, 256
    if mode == "squash224":
        return 224, 224
    width, height = probe_info.orientation.size(probe_info.width, probe_info.height)
    short, side = min(width, height), 256 if stated is None else stated.side
    # Rounded down, as torchvision's Resize does.
    size = side * width // short, side * height // short
    if max(size) > _MAX_SIDE:
        reason = f"{width}×{height} is too narrow to bring to a side of {side}"
        raise DecodeError(f"{probe_info.path}: {reason}")
    return size


def resize(picture: Picture, size: tuple[int, int], mode: Resize) -> Picture:
    """Return an RGB picture [H,W,3] at ``size`` = (width, height).

    ``340x256`` is plain bilinear, as in the published script (``cv2.resize`` by default; VadCLIP,
    ``crop.py``), which aliases when shrinking; ``short256`` and ``squash224`` average areas when
    they shrink. A model's own way is Pillow's, as torchvision has it in open_clip's preprocessing.
    """
    stated = stated_resize(mode)
    if stated is not None:
        resampling = Image.Resampling.BICUBIC if stated.bicubic else Image.Resampling.BILINEAR
        return np.array(Image.fromarray(picture).resize(size, resampling))
    height, width = picture.shape[:2]
    by_area = mode != "340x256" and size[0] * size[1] < width * height
    method = cv2.INTER_AREA if by_area else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=method)
