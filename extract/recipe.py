"""The recipe: everything that fixes the value of a feature, and its fingerprint.

Where weights come from or which decoder reads a file is not in it: those must not change a value.
Imports nothing heavy, so that settings and ``--help`` can name recipes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

Crops = Literal["ten", "centre"]
Resize = Literal["340x256", "short256", "squash224"]
FrameChoice = Literal["mean16", "first", "middle", "unknown"]
Precision = Literal["fp32", "bf16", "fp16"]

TINY_MODEL = "tiny"
"""Name of the seeded demo CLIP: no download, no meaning, offline (see ``extract.encoder``)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every choice that a feature's value depends on.

    ``frames`` says which of a segment's 16 frames are encoded: all, then averaged (``mean16``), the
    first (index 0) or the middle one (index 8); ``unknown`` marks features that came from elsewhere
    and that no video can be turned into. ``tail`` keeps or drops a last segment of fewer
    than 16 frames. ``channels`` is the order in which the encoder is shown the colours: ``bgr``
    reproduces scripts that swap red and blue. ``weights`` is the SHA-256 of CLIP's weight file, or
    the seed of the demo encoder.
    """

    name: str
    crops: Crops
    resize: Resize
    frames: FrameChoice
    tail: Literal["keep", "drop"]
    model: str
    weights: str
    channels: Literal["rgb", "bgr"] = "rgb"
    precision: Precision = "fp32"
    l2_normalise: bool = False

    @property
    def crop_count(self) -> int:
        """Number of crops C: 10 or 1."""
        return 10 if self.crops == "ten" else 1

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over every field but the name."""
        values = {k: v for k, v in asdict(self).items() if k != "name"}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return the recipe as one line of JSON, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True)


# DESIGN of the published features: whole frame to 340×256, ten crops, tail dropped. Which frame
# stands for a segment was never published; the mean of all 16 is the most quoted reading.
_VADCLIP = Recipe(
    name="vadclip",
    crops="ten",
    resize="340x256",
    frames="mean16",
    tail="drop",
    model="ViT-B-16-quickgelu",
    weights="",
)

RECIPES: dict[str, Recipe] = {
    "vadclip": _VADCLIP,
    "centre": replace(_VADCLIP, name="centre", crops="centre", resize="short256", tail="keep"),
    "squash": replace(_VADCLIP, name="squash", crops="centre", resize="squash224", tail="keep"),
    "demo": Recipe(
        name="demo",
        crops="centre",
        resize="squash224",
        frames="middle",
        tail="keep",
        model=TINY_MODEL,
        weights="",
    ),
}


IMPORTED = replace(_VADCLIP, name="imported", frames="unknown", weights="unknown")
"""Of published features: ten crops and no tail is known of them, the rest never was."""


def recipe_from_json(text: str) -> Recipe:
    """Rebuild a recipe from :meth:`Recipe.to_json`.

    Raises:
        ValueError: A field is missing or unknown (a file of another version).
    """
    values = json.loads(text)
    names = {f.name for f in fields(Recipe)}
    if not isinstance(values, dict) or set(values) != names:
        raise ValueError(f"not a recipe of this version: {text[:200]}")
    return Recipe(**values)


def differences(ours: Recipe, theirs: Recipe) -> list[str]:
    """Return ``"field: ours != theirs"`` for each field but the name that differs."""
    return [
        f"{f.name}: {getattr(ours, f.name)!r} != {getattr(theirs, f.name)!r}"
        for f in fields(Recipe)
        if f.name != "name" and getattr(ours, f.name) != getattr(theirs, f.name)
    ]
