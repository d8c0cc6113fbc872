"""CLIP's vision tower behind one small interface."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import open_clip
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from extract.clip_weights import load_clip, resolve_weights
from extract.crops import CROP_SIDE, normalise
from extract.recipe import Precision, Recipe

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

CPU_BATCH = 4
"""Images that pass a CPU's tower together: more of them fall out of its caches between layers."""


@runtime_checkable
class Encoder(Protocol):
    """Anything that turns images into features: CLIP here, a few lines of arithmetic in a test."""

    @property
    def width(self) -> int:
        """Width D of a feature."""

    @property
    def device(self) -> torch.device:
        """Where images have to lie."""

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Return a float32 feature for each image of pixels 0 to 255, on the same device."""


class ClipEncoder:
    """CLIP's vision tower on one device, in one precision."""

    def __init__(self, clip: nn.Module, *, device: torch.device, precision: Precision) -> None:
        settings = open_clip.get_model_preprocess_cfg(clip)
        self._mean = tuple(settings["mean"])
        self._std = tuple(settings["std"])
        self._resampling = str(settings.get("interpolation", "bicubic"))
        self._dtype = _DTYPES[precision]
        self._tower = clip.get_submodule("visual").to(device=device, dtype=self._dtype).eval()
        self.device = device
        side = settings["size"]
        self._size = (side, side) if isinstance(side, int) else (side[0], side[1])
        blank = torch.zeros(1, 3, CROP_SIDE, CROP_SIDE, dtype=torch.uint8, device=device)
        self.width = int(self.encode(blank).shape[1])

    @property
    def tower(self) -> nn.Module:
        """The vision tower itself, which takes normalised images of its own size."""
        return self._tower

    @torch.inference_mode()
    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Return a feature for each image, as CLIP projects it, not normalised."""
        return self.compute(images)

    def compute(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Return what :meth:`encode` returns, in the caller's mode: it can be compiled.

        A model that wants other sides than the crops' gets them resized, with antialiasing and by
        the filter that open_clip states for it: all recipes but ``native`` cut crops of one size,
        so that they mean the same for all.
        """
        pixels = normalise(images, mean=self._mean, std=self._std, dtype=torch.float32)
        if pixels.shape[2:] != self._size:
            pixels = functional.interpolate(
                pixels, self._size, mode=self._resampling, antialias=True
            )
        return self._tower(pixels.to(self._dtype)).float()


def load_encoder(recipe: Recipe, source: str, device: str | torch.device) -> ClipEncoder:
    """Load the recipe's vision tower on ``device``, in the recipe's precision.

    ``source`` is where its weights come from, see :func:`extract.clip_weights.load_clip`.

    Raises:
        ValueError: As :func:`load_clip`, or the weights are not those of the recipe.
    """
    if recipe.weights and recipe.weights != (found := resolve_weights(recipe.model, source)):
        raise ValueError(
            f"recipe {recipe.name} was made with weights {recipe.weights[:16]}; "
            f"{source or recipe.model} is {found[:16]}"
        )
    clip = load_clip(recipe.model, source)
    return ClipEncoder(clip, device=torch.device(device), precision=recipe.precision)


def batch_on(device: torch.device, wanted: int) -> int:
    """Return the images to encode at once where ``wanted`` are allowed: fewer on a CPU."""
    return min(wanted, CPU_BATCH) if device.type == "cpu" else wanted
