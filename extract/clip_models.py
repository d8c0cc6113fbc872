"""The CLIP models that there are, as open_clip's own files describe them; nothing heavy is loaded.

open_clip and torch take seconds and most of a gigabyte, which a model's name or width is not worth.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from extract.recipe import TINY_MODEL
from stores.files.typed import read_json
from stores.ranges import Size

TINY_WIDTH = 64
"""Width D of the demo's image and text features."""


TINY_SIDE = 224
"""Side of the images that the demo's encoder takes."""


@dataclass(frozen=True, slots=True)
class _Vision:
    image_size: Size = 224  # open_clip's default


@dataclass(frozen=True, slots=True)
class _Description:
    embed_dim: Size
    vision_cfg: _Vision


def check_model(model: str) -> None:
    """Raise ValueError, with the closest names, where neither open_clip nor we know a model."""
    known = [*_described(), TINY_MODEL]
    if model not in known:
        close = difflib.get_close_matches(model, known, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else "see open_clip.list_models()"
        raise ValueError(f"unknown CLIP model {model!r}; {hint}")


def feature_width(model: str) -> int:
    """Return the width D of a known model's features without loading it."""
    if model == TINY_MODEL:
        return TINY_WIDTH
    return _description(model).embed_dim


def input_side(model: str) -> int:
    """Return the side in pixels of the square images that a known model takes."""
    return TINY_SIDE if model == TINY_MODEL else _description(model).vision_cfg.image_size


def _description(model: str) -> _Description:
    described = read_json(_described()[model], _Description)
    assert described is not None, "the file was found by its name"
    return described


@cache
def _described() -> dict[str, Path]:
    """Return the files that describe open_clip's models, by name."""
    found = find_spec("open_clip")
    assert found is not None, "open_clip is installed with us"
    files = Path(str(found.origin)).with_name("model_configs").glob("*.json")
    return {path.stem: path for path in sorted(files)}
