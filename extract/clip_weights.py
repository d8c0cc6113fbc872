"""Where CLIP comes from, both towers: names of models, tags, weight files, downloads, digests.

Nobody else talks to open_clip's factory.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import open_clip
import torch
from open_clip.pretrained import get_pretrained_cfg
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from extract.clip_models import check_model, input_side
from extract.download import fetch, find_cached
from extract.recipe import TINY_MODEL, Precision, Recipe, RecipeOptions, Resize, weights_source
from extract.tiny_clip import tiny_clip

logger = logging.getLogger(__name__)

_TINY_WEIGHTS = "seed 0"
# What torch and open_clip raise of a file that does not hold a state dict.
_NO_STATE_DICT = (
    *(RuntimeError, EOFError, LookupError, StopIteration, AttributeError, TypeError, ValueError),
    *(AssertionError, ArithmeticError, MemoryError, OSError, struct.error),
    *(pickle.UnpicklingError, SafetensorError),
)


def complete_recipe(
    recipe: Recipe, options: RecipeOptions, fastest: Callable[[], Precision] | None = None
) -> tuple[Recipe, str]:
    """Return a recipe with all that was open filled in, and where its weights come from.

    ``fastest`` says what precision ``auto`` means, by default this machine's; fp32 for the demo.

    Raises:
        ValueError: As :func:`resolve_weights`.
    """
    source = weights_source(recipe.model, options.weights)
    weights = resolve_weights(recipe.model, source)  # first: what is missing is said at once
    precision = options.precision
    if precision == "auto":
        precision = "fp32" if recipe.model == TINY_MODEL else (fastest or default_precision)()
    resize = recipe.resize
    if resize == "native":
        resize = _native_resize(recipe.model, source)
    return replace(recipe, weights=weights, precision=precision, resize=resize), source


def load_clip(model: str, source: str) -> nn.Module:
    """Load a whole CLIP, image and text, on the CPU in float32, frozen and in evaluation mode.

    ``source`` is a tag of open_clip, a weight file's path, or for the demo ``"seed 0"`` or nothing.

    Raises:
        ValueError: The model or tag is unknown, the weights need the other activation, or the file
            is missing, does not fit the model, is not finite or could not be downloaded.
    """
    if model == TINY_MODEL:
        resolve_weights(model, source)  # refuses what is not the demo's
        return tiny_clip()
    path = _weight_file(model, source)
    if is_torchscript(path) and not _is_quickgelu(model):
        other = _other_activation(model)
        raise ValueError(f"{path} is OpenAI's release, which needs QuickGELU: use {other}")
    try:
        with only_weights(path) as plain, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            pixels = _stated(model, source, ("mean", "std", "interpolation"))
            clip: nn.Module = open_clip.create_model(
                model, pretrained=str(plain), weights_only=True, force_preprocess_cfg=pixels
            )
    except _NO_STATE_DICT as error:
        raise ValueError(f"{path} does not hold weights of {model}: {_why(error)}") from error
    odd = [name for name, value in clip.state_dict().items() if not value.isfinite().all()]
    if odd:
        named = ", ".join(odd[:3])
        raise ValueError(f"{path}: {named} hold values that are not finite; fetch the file again")
    return clip.eval().requires_grad_(False)


def _why(error: Exception) -> str:
    """Return what does not fit; of other errors in our words: torch's advise to run the file."""
    text = " ".join(str(error).split())
    if "loading state_dict" in text:
        return text[:400]
    return "it is damaged, or holds other things than tensors; give a file of its state dict alone"


def resolve_weights(model: str, source: str) -> str:
    """Return the weight file's SHA-256, or the demo's seed; a tag may have to be downloaded.

    Raises:
        ValueError: As :func:`load_clip`, but for a file that does not fit.
    """
    if model == TINY_MODEL:
        if source not in ("", _TINY_WEIGHTS):
            raise ValueError(f"the demo CLIP takes no weights; got {source!r}")
        return _TINY_WEIGHTS
    digest = hashlib.sha256()
    with _weight_file(model, source).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_here(model: str, source: str) -> bool:
    """Return whether a model's weights need no download; a wrong name is told by loading them."""
    entry = get_pretrained_cfg(model, source) or get_pretrained_cfg(
        _other_activation(model), source
    )
    return model == TINY_MODEL or not entry or find_cached(entry) is not None


def default_precision(device: str | torch.device | None = None) -> Precision:
    """Return the fastest precision that is safe for CLIP on ``device``, by default a GPU if any.

    bf16 where the hardware has it (CUDA 8.0 and later, CPUs with AVX512-BF16 or AMX), fp16 on
    older CUDA devices, fp32 elsewhere.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    information = Path("/proc/cpuinfo")
    flags = information.read_text() if device.type == "cpu" and information.is_file() else ""
    return "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "fp32"


def _weight_file(model: str, source: str) -> Path:
    """Return the local file of a tag (downloading it) or of a path, after checking the names."""
    check_model(model)
    tags = ", ".join(open_clip.list_pretrained_tags_by_model(model))
    if not source:
        raise ValueError(f"{model} needs weights: a file or one of the tags {tags}")
    other = _other_activation(model)
    entry = get_pretrained_cfg(model, source) or get_pretrained_cfg(other, source)
    if not entry:
        path = Path(source).expanduser()
        if path.is_file():
            return path
        kind = "no such weight file" if path.suffix or len(path.parts) > 1 else "unknown tag"
        raise ValueError(f"{kind}: {source!r}; {model} has the tags {tags}")
    if bool(entry.get("quick_gelu", False)) != _is_quickgelu(model):
        advice = f"use model {other} instead of {model}"
        raise ValueError(f"weights {source!r} need the other activation; {advice}")
    try:
        return fetch(entry)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{source!r} of {model}: {error}") from error


def _is_quickgelu(model: str) -> bool:
    """Return whether a model computes QuickGELU, which OpenAI's and a few other weights need.

    With the other activation open_clip only warns, and every feature is wrong.
    """
    return bool((open_clip.get_model_config(model) or {}).get("quick_gelu", False))


def _other_activation(model: str) -> str:
    suffix = "-quickgelu"
    return model.removesuffix(suffix) if model.endswith(suffix) else model + suffix


def _stated(model: str, source: str, keys: Sequence[str]) -> dict[str, tuple[float, ...] | str]:
    """Return how a model's input is prepared, as open_clip states it of its weights.

    A weight file does not say; where the model's tags agree, it is taken to agree with them. Where
    they do not it is taken for one of OpenAI's kind, and that is logged.
    """
    tags = open_clip.list_pretrained_tags_by_model(model)
    chosen = [source] if get_pretrained_cfg(model, source) else tags
    found = {}
    for key in keys:
        values = {get_pretrained_cfg(model, tag)[key] for tag in chosen}
        if len(values) == 1:
            found[key] = values.pop()
        elif values:
            logger.warning(
                "the tags of %s state different values of %s, and %s is taken for one of OpenAI's "
                "kind; where it is another's give the tag instead of the file",
                *(model, key, source),
            )
    return found


def _native_resize(model: str, source: str) -> Resize:
    """Return the recipe's ``resize`` that is the model's own."""
    stated = _stated(model, source, ("interpolation", "resize_mode"))
    way = "squash" if stated.get("resize_mode") == "squash" else "fit"
    return f"{way}{input_side(model)}-{stated.get('interpolation', 'bicubic')}"


def is_torchscript(path: Path) -> bool:
    """Tell TorchScript archives from plain weight files, by their names for code and constants."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any("/code/" in name or name.endswith("/constants.pkl") for name in names)


@contextmanager
def only_weights(path: Path) -> Iterator[Path]:
    """Yield ``path``, or for a TorchScript archive (OpenAI's own) a temporary file of its weights.

    Only torch's own reader sees the archive, which may hold code and knows no pickle.

    Raises:
        RuntimeError: The archive is damaged, or only looks like one.
    """
    if not is_torchscript(path):
        yield path
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*")
        state = torch.jit.load(path, map_location="cpu").state_dict()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "weights.safetensors"
        for constant in ("input_resolution", "context_length", "vocab_size"):
            state.pop(constant, None)
        save_file({name: value.contiguous().clone() for name, value in state.items()}, plain)
        yield plain
