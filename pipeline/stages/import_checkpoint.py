"""Import of a published state dict, of whichever head, as a checkpoint of ours."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from extract.clip_weights import resolve_weights
from extract.recipe import IMPORTED, RECIPES, Recipe, weights_source
from model.checkpoint import Checkpoint, Provenance, save_checkpoint
from model.heads import base as heads
from model.heads.base import Head
from model.heads.published import read_published
from model.heads.segment_scorer import Temperatures
from model.heads.text_tower import empty_text_tower
from pipeline.outputs import Outputs, write_settings
from pipeline.stages.cautions import PUBLISHED
from stores.datasets import base
from stores.files.commit import exclusive

if TYPE_CHECKING:
    from pipeline.commands.import_checkpoint import ImportCheckpointRun


def import_checkpoint(run: ImportCheckpointRun) -> Path:
    """Write a published state dict as a checkpoint to OUT/<dataset>/<name>; return the folder.

    Its head is found by the names of its parameters. The class texts are made with the CLIP inside
    the file, so no other weights are needed.

    Raises:
        ValueError: The file is no state dict of a head, or the recipe's CLIP is not there.
        StoreError: The folder cannot be written.
    """
    dataset = base.load(run.dataset)
    recipe, source = _recipe_of(run)
    state = read_published(run.file)
    kind = heads.load_published(state)
    config, training = kind.configure(dataset.preset)
    tower = empty_text_tower(recipe.model)
    head: Head = kind.build(config, tower, dataset.prompts)
    learned, clip = kind.import_weights(state, config, head, tower)
    tower.load_state_dict(clip)
    head.load_learned_state(learned)
    provenance = Provenance(
        dataset=dataset.name,
        classes=dataset.classes,
        prompts=dataset.prompts,
        test_crop=dataset.test_crop,
        recipe=recipe.to_json(),
        recipe_fingerprint=recipe.fingerprint,
        clip_weights=source,
        protocol=PUBLISHED,
        key=hashlib.sha256(run.file.read_bytes()).hexdigest(),
    )
    folder = Outputs(run.out).checkpoint(dataset.name, run.name)
    with exclusive(folder):
        write_settings(folder, "import-checkpoint", run)
        checkpoint = Checkpoint(
            head=kind.name,
            model=config,
            training=training,
            provenance=provenance,
            metrics={},
            state=head.learned_state(),
            text=head.scorer(Temperatures(training.temperature)).text,
        )
        save_checkpoint(folder, checkpoint)
    return folder


def _recipe_of(run: ImportCheckpointRun) -> tuple[Recipe, str]:
    """Return the recipe that an imported checkpoint scores, and where its CLIP comes from."""
    if run.recipe == IMPORTED.name:
        return IMPORTED, ""
    recipe = RECIPES[run.recipe]
    source = weights_source(recipe.model, run.weights)
    return replace(recipe, weights=resolve_weights(recipe.model, source)), source
