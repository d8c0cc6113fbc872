"""The recipe: everything that fixes the value of a feature, its fingerprint, and choosing one.

Where weights come from or which decoder reads a file is not in it: those must not change a value.
Imports nothing heavy, so that settings and ``--help`` can name recipes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Literal

from msgspec import Meta

Crops = Literal["ten", "centre"]
Resize = Annotated[
    str,
    Meta(pattern=r"^(340x256|short256|squash224|native|(fit|squash)\d{2,4}-(bilinear|bicubic))$"),
]
"""``340x256``, ``short256`` and ``squash224``, by OpenCV; ``native`` until weights are known, then
as open_clip states it of them: ``fit336-bicubic`` or ``squash336-bilinear``, by Pillow."""

KnownFrames = Literal["mean16", "first", "middle"]
FrameChoice = Literal[KnownFrames, "unknown"]
Channels = Literal["rgb", "bgr"]
Tail = Literal["keep", "drop"]
Precision = Literal["fp32", "bf16", "fp16"]

TINY_MODEL = "tiny"
"""Name of the seeded demo CLIP: no download, no meaning, offline (see `extract.tiny_clip`)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every choice that a feature's value depends on.

    ``frames`` says which of a segment's 16 frames are encoded: all, then averaged (``mean16``), the
    first (index 0) or the middle one (index 8); ``unknown`` marks features that came from
    elsewhere. ``tail`` keeps or drops a last segment of fewer than 16 frames. ``channels`` is the
    order in which the encoder sees the colours: ``bgr`` reproduces scripts that swap red and blue.
    ``weights`` is the SHA-256 of CLIP's weight file or the demo's seed, empty while it is open.
    """

    name: str
    crops: Crops
    resize: Resize
    frames: FrameChoice
    tail: Tail
    model: str
    weights: str = ""
    channels: Channels = "rgb"
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


# As published features were made: whole frame to 340×256, ten crops, tail dropped. Which frame
# stands for a segment was never published; the mean of all 16 is the most quoted reading.
_VADCLIP = Recipe(
    name="vadclip",
    crops="ten",
    resize="340x256",
    frames="mean16",
    tail="drop",
    model="ViT-B-16-quickgelu",
)
_SQUASH = replace(_VADCLIP, name="squash", crops="centre", resize="squash224", tail="keep")

RECIPES = {
    "vadclip": _VADCLIP,
    "centre": replace(_SQUASH, name="centre", resize="short256"),
    "squash": _SQUASH,
    "native": replace(_SQUASH, name="native", resize="native"),
    "demo": replace(_SQUASH, name="demo", frames="middle", model=TINY_MODEL),
}

IMPORTED = replace(_VADCLIP, name="imported", frames="unknown", weights="unknown")
"""Of published features: ten crops and no tail is known of them, the rest never was."""


@dataclass(frozen=True)
class RecipeOptions:
    """How frames become features: a recipe by name, and what is to differ from it."""

    recipe: str | None = None
    """How frames become features: vadclip, centre (center), squash, native (as open_clip prepares
    pictures for the encoder, at its own size) or demo; a data set has one."""
    clip: str | None = None
    """CLIP model by its open_clip name; the recipe's own by default."""
    weights: str = ""
    """Weights of it: an open_clip tag or the path of a weight file; 'openai' by default."""
    frames: KnownFrames | None = None
    """Frames of a segment that are encoded; the recipe's own by default."""
    crops: Crops | None = None
    """Crops of a frame; the recipe's own by default."""
    channels: Channels | None = None
    """Order in which the encoder sees the colours; bgr is what a script that swaps them makes."""
    tail: Tail | None = None
    """A last segment of fewer than 16 frames; the recipe's own by default."""
    l2_normalise: bool | None = None
    """Bring each frame's feature to length 1 before the mean; the recipe's own by default."""
    precision: Literal["auto", Precision] = "auto"
    """Arithmetic of the encoder; auto takes bf16 or fp16 where the hardware has it."""


def resolve_recipe(options: RecipeOptions, default: str) -> Recipe:
    """Return the recipe that options name, or ``default``; weights and precision are still open.

    It reads no file, so a misspelt name is an error before anything is generated or downloaded.

    Raises:
        ValueError: Unknown recipe or model, or crops that the recipe's size does not allow.
    """
    from extract.clip_models import check_model  # not above: it needs this module, and numpy

    name = "centre" if options.recipe == "center" else options.recipe or default
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; there are {', '.join(sorted(RECIPES))}")
    recipe, l2_normalise = RECIPES[name], options.l2_normalise
    recipe = replace(
        recipe,
        model=options.clip or recipe.model,
        frames=options.frames or recipe.frames,
        crops=options.crops or recipe.crops,
        channels=options.channels or recipe.channels,
        tail=options.tail or recipe.tail,
        l2_normalise=recipe.l2_normalise if l2_normalise is None else l2_normalise,
    )
    check_model(recipe.model)
    if recipe.crops == "ten" and recipe.resize != "340x256":
        size = recipe.resize
        raise ValueError(f"ten crops are cut from 340x256; recipe {name} resizes to {size}")
    return recipe


@dataclass(frozen=True, slots=True)
class StatedResize:
    """What a model's own ``resize`` means: ``side`` of the square that its encoder takes.

    ``squash`` brings the whole frame to it; else the short side, and the centre is cut out.
    """

    squash: bool
    side: int
    bicubic: bool


def stated_resize(resize: Resize) -> StatedResize | None:
    """Return a model's own ``resize`` in its parts; None of those that are the same for all."""
    match = re.fullmatch(r"(fit|squash)(\d+)-(bilinear|bicubic)", resize)
    if match is None:
        return None
    return StatedResize(match[1] == "squash", int(match[2]), match[3] == "bicubic")


def weights_source(model: str, given: str = "") -> str:
    """Return where weights come from: what was given, or OpenAI's own; the demo has none."""
    return given or ("" if model == TINY_MODEL else "openai")


def recipe_from_json(text: str, source: object) -> Recipe:
    """Rebuild a recipe from :meth:`Recipe.to_json`; ``source`` is the file that holds it.

    Raises:
        ValueError: It is damaged, or a field is missing or unknown (a file of another version).
    """
    from stores.files.typed import convert, decode_json  # not above: it loads numpy

    values = decode_json(text, dict[str, object], f"{source}: recipe")
    if values.keys() != {f.name for f in fields(Recipe)}:
        raise ValueError(f"{source}: not a recipe of this version: {text[:200]}")
    return convert(values, Recipe, f"{source}: recipe")


def differences(ours: Recipe, theirs: Recipe) -> list[str]:
    """Return ``"field: ours != theirs"`` for each field but the name that differs."""
    return [
        f"{f.name}: {getattr(ours, f.name)!r} != {getattr(theirs, f.name)!r}"
        for f in fields(Recipe)
        if f.name != "name" and getattr(ours, f.name) != getattr(theirs, f.name)
    ]
