"""Crops of resized frames and CLIP's normalisation, on whatever device the frames lie.

Pixels stay uint8 until :func:`normalise`, so that a quarter of the bytes travel.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.functional import center_crop, five_crop

from extract.recipe import Recipe, stated_resize

CROP_SIDE = 224
"""Side of a crop in pixels, as the CLIP of the published features takes it; ``native`` differs."""


def crop_side(recipe: Recipe) -> int:
    """Return the side of a recipe's crops: a model's own where the recipe follows it."""
    stated = stated_resize(recipe.resize)
    return CROP_SIDE if stated is None else stated.side


def frame_size(recipe: Recipe) -> tuple[int, int]:
    """Return height and width of what :func:`cut_from` returns of a frame."""
    return (256, 340) if recipe.crops == "ten" else (crop_side(recipe), crop_side(recipe))


def cut_from(frames: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """Return the part of frames [F,H,W,3] that :func:`crop` looks at, as a view.

    The crops are the same, fewer bytes travel, and all frames of a recipe are of one size.
    """
    if recipe.crops == "ten":
        return frames
    # Rounded as center_crop does.
    crop = crop_side(recipe)
    top, left = (round((side - crop) / 2) for side in frames.shape[1:3])
    if min(top, left) < 0:
        return frames  # which crop refuses
    return frames[:, top : top + crop, left : left + crop]


def crop(frames: UInt8[Tensor, "f h w 3"], recipe: Recipe) -> UInt8[Tensor, "f c 3 s s"]:
    """Cut each frame into the recipe's crops, channels first and in the recipe's colour order.

    Ten crops, of a 340×256 frame: 0 centre (rows 16 to 239, columns 58 to 281), 1 top-left,
    2 top-right, 3 bottom-left, 4 bottom-right, 5 to 9 the mirror images of 0 to 4; published test
    lists pick crops by these numbers (VadCLIP ``src/crop.py``). One crop: the centre, which is
    CLIP's own preprocessing.

    Raises:
        ValueError: The frames are not of the size that the recipe's crops are cut from.
    """
    height, width = int(frames.shape[1]), int(frames.shape[2])
    planes = frames.permute(0, 3, 1, 2)
    if recipe.channels == "bgr":
        planes = planes.flip(1)
    if recipe.crops == "centre":
        side = crop_side(recipe)
        if min(height, width) < side:
            raise ValueError(f"a {side} pixel crop needs larger frames; got {width}×{height}")
        return center_crop(planes, [side]).unsqueeze(1)
    if (height, width) != (256, 340):
        raise ValueError(f"ten crops are cut from 340×256 frames; got {width}×{height}")
    *corners, centre = five_crop(planes, [CROP_SIDE])
    cuts = torch.stack([centre, *corners], dim=1)
    return torch.cat([cuts, cuts.flip(-1)], dim=1)


def normalise(
    images: UInt8[Tensor, "b 3 h w"],
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    dtype: torch.dtype,
) -> Float[Tensor, "b 3 h w"]:
    """Map pixels 0 to 255 to ``(pixel / 255 - mean) / std`` a channel, in ``dtype``.

    The arithmetic is float32 whatever ``dtype`` is, so that every precision sees the same input.
    """
    scale = torch.tensor([1 / (255 * s) for s in std])
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)])
    # Not blocking: a GPU's host would wait for the batch before.
    scale, shift = (c.view(1, 3, 1, 1).to(images.device, non_blocking=True) for c in (scale, shift))
    return images.float().mul_(scale).add_(shift).to(dtype)
