"""CLIP's vision tower behind one small interface, and where its weights come from.

Names, weight files, downloads and precision end here; nobody else talks to open_clip's factory.
``load_clip`` also serves the text tower: the pipeline hands its result to training.
"""

from __future__ import annotations

import difflib
import hashlib
import pickle
import struct
from pathlib import Path
from typing import Protocol, runtime_checkable

import open_clip
import torch
from jaxtyping import Float, UInt8
from open_clip.pretrained import download_pretrained, get_pretrained_cfg
from torch import Tensor, nn
from torch.nn import functional

from extract.archive import is_torchscript, weights_alone
from extract.crops import CROP_SIDE, normalise
from extract.recipe import TINY_MODEL, Precision, Recipe
from extract.tiny_clip import tiny_clip

_NO_WEIGHTS = (
    *(RuntimeError, EOFError, LookupError, StopIteration, AttributeError, TypeError),
    *(AssertionError, MemoryError, struct.error, pickle.UnpicklingError),
)
"""What torch and open_clip raise of a file that does not hold a state dict."""

_DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
_TINY_WEIGHTS = "seed 0"

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
        self._dtype = _DTYPES[precision]
        self._tower = clip.get_submodule("visual").to(device=device, dtype=self._dtype).eval()
        self._device = device
        side = settings["size"]
        self._size = (side, side) if isinstance(side, int) else (side[0], side[1])
        blank = torch.zeros(1, 3, CROP_SIDE, CROP_SIDE, dtype=torch.uint8, device=device)
        self._width = int(self.encode(blank).shape[1])

    @property
    def width(self) -> int:
        """Width D of a feature."""
        return self._width

    @property
    def device(self) -> torch.device:
        """Where images have to lie."""
        return self._device

    @torch.inference_mode()
    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Return a float32 feature for each image, as CLIP projects it, not normalised."""
        return self.compute(images)

    def compute(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Return what :meth:`encode` returns, in the caller's mode: it can be compiled.

        A model that wants other sides than the crops' gets them resized, bicubic with antialiasing
        as in CLIP's own preprocessing: crops are cut at one size, so recipes mean the same for all.
        """
        pixels = normalise(images, mean=self._mean, std=self._std, dtype=torch.float32)
        if pixels.shape[2:] != self._size:
            pixels = functional.interpolate(pixels, self._size, mode="bicubic", antialias=True)
        features: Tensor = self._tower(pixels.to(self._dtype))
        return features.float()


def load_encoder(recipe: Recipe, weights_source: str, device: str | torch.device) -> ClipEncoder:
    """Load the recipe's vision tower on ``device``, in the recipe's precision.

    ``weights_source`` is a tag of open_clip, the path of a weight file, or for the demo CLIP
    ``"seed 0"`` or nothing.

    Raises:
        ValueError: As :func:`load_clip`, or the weights are not those of the recipe.
    """
    if recipe.weights and recipe.weights != (
        found := resolve_weights(recipe.model, weights_source)
    ):
        raise ValueError(
            f"recipe {recipe.name} was made with weights {recipe.weights[:16]}; "
            f"{weights_source or recipe.model} is {found[:16]}"
        )
    clip = load_clip(recipe.model, weights_source)
    return ClipEncoder(clip, device=torch.device(device), precision=recipe.precision)


def load_clip(model: str, weights_source: str) -> nn.Module:
    """Load a whole CLIP, image and text, on the CPU in float32, frozen and in evaluation mode.

    Raises:
        ValueError: The model or tag is unknown, the weights need the other activation, the file is
            missing, does not fit the model or could not be downloaded. The message says what to do.
    """
    if model == TINY_MODEL:
        _check_tiny(weights_source)
        return tiny_clip()
    path = _weight_file(model, weights_source)
    if is_torchscript(path) and not _is_quickgelu(model):
        raise ValueError(f"{path} is OpenAI's release, which needs QuickGELU: use {_twin(model)}")
    try:
        with weights_alone(path) as plain:
            clip: nn.Module = open_clip.create_model(
                model,
                pretrained=str(plain),
                weights_only=True,
                force_preprocess_cfg=_colours(model, weights_source),
            )
    except _NO_WEIGHTS as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(f"{path} does not hold weights of {model}: {reason}") from error
    return clip.eval().requires_grad_(False)


def check_model(model: str) -> None:
    """Raise ValueError, with the closest names, where neither open_clip nor we know a model."""
    known = [*open_clip.list_models(), TINY_MODEL]
    if model not in known:
        raise ValueError(f"unknown CLIP model {model!r}{_suggest(model, known)}")


def resolve_weights(model: str, weights_source: str) -> str:
    """Return what ``Recipe.weights`` has to say: the weight file's SHA-256, or the demo's seed.

    The model is not loaded; a tag whose file is not there yet is downloaded.

    Raises:
        ValueError: As :func:`load_clip`, but for a file that does not fit.
    """
    if model == TINY_MODEL:
        _check_tiny(weights_source)
        return _TINY_WEIGHTS
    digest = hashlib.sha256()
    with _weight_file(model, weights_source).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def batch_on(device: torch.device, wanted: int) -> int:
    """Return the images to encode at once where ``wanted`` are allowed: fewer on a CPU."""
    return min(wanted, CPU_BATCH) if device.type == "cpu" else wanted


def default_precision(device: str | torch.device) -> Precision:
    """Return the fastest precision that is safe for CLIP on ``device``.

    bf16 where the hardware has it (CUDA 8.0 and later, CPUs with AVX512-BF16 or AMX), fp16 on
    older CUDA devices, fp32 elsewhere.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    information = Path("/proc/cpuinfo")
    flags = information.read_text() if device.type == "cpu" and information.is_file() else ""
    return "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "fp32"


def _check_tiny(weights_source: str) -> None:
    if weights_source not in ("", _TINY_WEIGHTS):
        raise ValueError(f"the demo CLIP takes no weights; got {weights_source!r}")


def _weight_file(model: str, weights_source: str) -> Path:
    """Return the local file of a tag (downloading it) or of a path, after checking the names."""
    check_model(model)
    tags = open_clip.list_pretrained_tags_by_model(model)
    if not weights_source:
        raise ValueError(f"{model} needs weights: a file or one of the tags {', '.join(tags)}")
    entry = get_pretrained_cfg(model, weights_source) or get_pretrained_cfg(
        _twin(model), weights_source
    )
    if not entry:
        path = Path(weights_source).expanduser()
        if path.is_file():
            return path
        kind = "no such weight file" if path.suffix or len(path.parts) > 1 else "unknown tag"
        raise ValueError(f"{kind}: {weights_source!r}; {model} has the tags {', '.join(tags)}")
    if bool(entry.get("quick_gelu", False)) != _is_quickgelu(model):
        raise ValueError(
            f"weights {weights_source!r} need the other activation; use model {_twin(model)} "
            f"instead of {model}"
        )
    try:
        return Path(download_pretrained(entry))
    except OSError as error:
        raise ValueError(
            f"{weights_source!r} of {model} could not be downloaded; fetch the file elsewhere and "
            f"give its path instead of the tag"
        ) from error


def _suggest(name: str, known: list[str]) -> str:
    """Return ``"; did you mean …"`` with the closest names, or where to find them all."""
    close = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {', '.join(close)}?" if close else "; see open_clip.list_models()"


def _is_quickgelu(model: str) -> bool:
    """Tell whether a model computes QuickGELU, which OpenAI's and a few other weights need.

    With the other activation open_clip only warns, and every feature is wrong.
    """
    return bool((open_clip.get_model_config(model) or {}).get("quick_gelu", False))


def _twin(model: str) -> str:
    """Return the name of ``model`` with the other activation."""
    suffix = "-quickgelu"
    return model.removesuffix(suffix) if model.endswith(suffix) else model + suffix


def _colours(model: str, weights_source: str) -> dict[str, tuple[float, ...]]:
    """Return mean and standard deviation of a model's input, as its tags state them.

    A weight file does not say; where the model's tags agree, it is taken to agree with them.
    """
    tags = open_clip.list_pretrained_tags_by_model(model)
    chosen = [weights_source] if get_pretrained_cfg(model, weights_source) else tags
    stated = {(c["mean"], c["std"]) for tag in chosen for c in [get_pretrained_cfg(model, tag)]}
    if len(stated) != 1:
        return {}
    mean, std = stated.pop()
    return {"mean": mean, "std": std}
