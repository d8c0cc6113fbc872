"""The text side of the CLIP that features were made with: what they can be compared with."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from extract.clip_weights import load_clip, resolve_weights
from extract.recipe import IMPORTED, Recipe
from model.heads.text_tower import TextTower, text_tower


@dataclass(frozen=True, slots=True)
class TextSide:
    """A text tower, and what its CLIP multiplies cosines by before it makes probabilities."""

    tower: TextTower
    scale: float


def load_text_side(recipe: Recipe, source: str) -> TextSide:
    """Return the text side of a recipe's encoder; ``source`` is where its weights are.

    Raises:
        ValueError: The weights are not those of the features or cannot be had, or the encoder has
            no text side of CLIP's kind.
    """
    if recipe.weights not in (IMPORTED.weights, resolve_weights(recipe.model, source)):
        raise ValueError(
            f"weights {source!r} of {recipe.model} are not those the features were made with; give "
            "--weights <that file or tag>"
        )
    clip = load_clip(recipe.model, source)
    scale = getattr(clip, "logit_scale", None)
    try:
        tower = text_tower(clip, recipe.model)
    except ValueError as error:
        raise ValueError(f"{recipe.model} cannot be compared with texts: {error}") from error
    return TextSide(tower, float(scale.exp()) if isinstance(scale, Tensor) else 100.0)
