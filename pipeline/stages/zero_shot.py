"""Zero-shot CLIP as a checkpoint: for people without labels, and to hold trained heads against.

Whatever takes a checkpoint takes it, so that this module alone knows when it is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extract.clip_models import feature_width
from extract.clip_weights import complete_recipe, is_here
from extract.recipe import (
    TINY_MODEL,
    RecipeOptions,
    recipe_from_json,
    resolve_recipe,
    weights_source,
)
from model.checkpoint import FILE, Checkpoint, Provenance, load_checkpoint, save_checkpoint
from model.heads.zero_shot import KIND, TEMPLATES, ZeroShotConfig, class_features
from pipeline.options import ZeroShotOptions, check_options
from pipeline.stages.text_side import TextSide, load_text_side
from stores.datasets import base
from stores.datasets.folder import DATASET as FOLDER
from stores.files.locations import regular, size_of
from stores.records import StoreError

if TYPE_CHECKING:
    from pipeline.commands.score import ScoreRun

NAME = "zero-shot"
"""What stands for it where a checkpoint is asked for, and the folder it is written to."""

NOTE = (
    "zero-shot CLIP: nothing was trained and no label seen; a score says how much more the frames "
    "resemble the texts of anomalies than those of normal, and is no probability"
)
DEMO_NOTE = (
    "the CLIP here is the demo's, which is random: to it texts mean nothing, figures are chance"
)

_FORM = 'as in --classes "normal: an empty street; fight: people fighting, a brawl"'


def provide_checkpoint(run: ScoreRun, folder: Path) -> Path:
    """Return the checkpoint that a run scores with; zero-shot CLIP is first written to ``folder``.

    There it can be used as any other later, by `watch`, `calibrate` or `load_scorer`.

    Raises:
        StoreError: No videos, other texts or settings scored there before, or not writable.
        ValueError: No classes, an unknown recipe, an encoder without a text side, or weights that
            cannot be had; or options of zero-shot with another checkpoint.
    """
    options = run.zero_shot
    if str(run.checkpoint) != NAME:
        if options != ZeroShotOptions():
            raise ValueError(
                "--classes, --recipe, --clip, --ensemble and --reach go with --checkpoint zero-shot"
            )
        return run.checkpoint
    check_options(options)
    if size_of(str(run.videos)) is None and not run.videos.exists():
        raise StoreError(f"no such file or folder: {run.videos}")  # before anything is written
    place = folder / NAME
    provenance = _provenance(options, run.weights)
    if regular(place / FILE).is_file():
        if load_checkpoint(place).provenance.key != provenance.key:
            raise StoreError(
                f"{place} has other class texts or settings; give --out <another folder>"
            )
        return place
    recipe = recipe_from_json(provenance.recipe, NAME)
    side = load_text_side(recipe, provenance.clip_weights)
    templates = TEMPLATES if options.ensemble else TEMPLATES[:1]
    save_checkpoint(place, build_checkpoint(provenance, side, templates, options.reach))
    return place


def note_on(checkpoint: Checkpoint) -> str:
    """Return what a checkpoint is where it is not a trained head; else nothing."""
    if checkpoint.training is not None:
        return ""
    return checkpoint.provenance.protocol


def baseline_checkpoints(provenance: Provenance, width: int) -> dict[str, Checkpoint]:
    """Return zero-shot CLIP with and without a prompt ensemble, by what tables call it.

    Both score what the checkpoint of this provenance scores: the same features of this ``width``.

    Raises:
        ValueError: As for ``load_text_side``; CLIP would have to be downloaded; or the features are
            not as wide as texts.
    """
    recipe = recipe_from_json(provenance.recipe, "the checkpoint")
    if (texts := feature_width(recipe.model)) != width:
        raise ValueError(f"features are {width} wide, and texts of {recipe.model} {texts}")
    source = weights_source(recipe.model, provenance.clip_weights)
    if not is_here(recipe.model, source):
        raise ValueError(
            f"weights {source!r} of {recipe.model} are not on this machine, and nothing is "
            "downloaded for a row of a table"
        )
    side = load_text_side(recipe, source)
    provenance = replace(provenance, protocol=NOTE, key="")
    single = replace(provenance, prompts=tuple(own[:1] for own in provenance.prompts))
    reach = ZeroShotOptions().reach
    return {
        "zero-shot CLIP": build_checkpoint(single, side, TEMPLATES[:1], reach),
        "zero-shot CLIP, ensemble": build_checkpoint(provenance, side, TEMPLATES, reach),
    }


def note_on_baselines(provenance: Provenance) -> str:
    """Return what has to be known of the rows of :func:`baseline_checkpoints`."""
    recipe = recipe_from_json(provenance.recipe, "the checkpoint")
    return DEMO_NOTE if recipe.model == TINY_MODEL else ""


def build_checkpoint(
    provenance: Provenance, side: TextSide, templates: Sequence[str], reach: int
) -> Checkpoint:
    """Return the checkpoint of some classes, with their texts in some sentences."""
    text = class_features(side.tower, provenance.prompts, templates)
    classes, width = text.shape
    config = ZeroShotConfig(width=width, classes=classes, scale=side.scale, reach=reach)
    return Checkpoint(
        head=KIND.name,
        model=config,
        training=None,
        provenance=provenance,
        metrics={},
        state={},
        text=text,
    )


def parse_classes(text: str) -> dict[str, tuple[str, ...]]:
    """Return the texts of each class that an option names; a class without any is its own text.

    Raises:
        ValueError: Fewer than two classes, one without a name, or two of one name.
    """
    if text.strip() in base.names() and (dataset := base.load(text.strip())).classes:
        return dict(zip(dataset.classes, dataset.prompts, strict=True))
    if text.strip() and not set(text) & set(":;"):
        known = ", ".join(name for name in base.names() if base.load(name).classes)
        raise ValueError(
            f"--classes {text.strip()} is no data set with classes (known: {known}) and no list of "
            f"two or more, {_FORM}"
        )
    named: dict[str, tuple[str, ...]] = {}
    for part in filter(str.strip, text.split(";")):
        name, _, texts = (each.strip() for each in part.partition(":"))
        if not name or name in named:
            what = f"class {name} is given twice" if name else f"{part.strip()!r} names no class"
            raise ValueError(f"{what}; give each its texts, {_FORM}")
        own = tuple(filter(None, (each.strip() for each in texts.split(","))))
        named[name] = own or (name,)
    if len(named) < 2:
        raise ValueError(f"zero-shot needs two classes or more, the normal one first, {_FORM}")
    return named


def _provenance(options: ZeroShotOptions, weights: str) -> Provenance:
    """Return what decides the scores; the key is over all of it."""
    named = parse_classes(options.classes)
    wanted = RecipeOptions(recipe=options.recipe, clip=options.clip, weights=weights)
    recipe, source = complete_recipe(resolve_recipe(wanted, FOLDER.recipe), wanted)
    found = Provenance(
        dataset="",
        classes=tuple(named),
        prompts=tuple(named.values()),
        test_crop=0,
        recipe=recipe.to_json(),
        recipe_fingerprint=recipe.fingerprint,
        clip_weights=source,
        protocol=f"{NOTE}; {DEMO_NOTE}" if recipe.model == TINY_MODEL else NOTE,
    )
    decided = [asdict(found) | {"clip_weights": ""}, options.ensemble, options.reach]
    key = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
    return replace(found, key=key)
