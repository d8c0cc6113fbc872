"""Imports of what the field publishes: DSANet state dicts, and trees of segment features."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import track

from extract.encoder import resolve_weights
from extract.recipe import IMPORTED, RECIPES, Recipe
from model.checkpoint import Checkpoint, Provenance, save_checkpoint
from model.heads.dsanet.build import build_dsanet, build_text_encoder
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.import_weights import import_published, read_published
from model.heads.dsanet.text_tower import empty_text_tower
from pipeline.console import console
from pipeline.outputs import require_positive, write_settings
from pipeline.settings import ImportCheckpointRun, ImportFeaturesRun
from pipeline.stages.extract import refuse_other_recipe
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.manifest import write_listing
from stores.features.published import CropFiles, find_features, read_features
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.files.commit import exclusive
from stores.records import Failure, StoreError, VideoFeatures, VideoItem


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import of features came to: counts of videos, failures, and names of no list."""

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    unlisted: tuple[str, ...]


def import_checkpoint(run: ImportCheckpointRun) -> Path:
    """Write a published state dict as a checkpoint to OUT/<dataset>/imported; return the folder.

    The class texts are made with the CLIP inside the file, so no other weights are needed.

    Raises:
        ValueError: The file is no state dict, or a parameter is missing, unexpected or of another
            shape; or CLIP weights for the recipe are not there.
        StoreError: The folder cannot be written.
    """
    dataset = base.load(run.dataset)
    recipe, source = _recipe_of(run)
    state = read_published(run.file)
    config, training = PRESETS[dataset.preset]
    tower = empty_text_tower(recipe.model)
    model = build_dsanet(config, build_text_encoder(config, tower, dataset.prompts))
    learned, clip = import_published(state, config, model, tower)
    tower.load_state_dict(clip)
    model.load_learned_state(learned)
    with torch.inference_mode():
        text = model.text()
    provenance = Provenance(
        dataset=dataset.name,
        classes=dataset.classes,
        prompts=dataset.prompts,
        test_crop=dataset.test_crop,
        recipe=recipe.to_json(),
        recipe_fingerprint=recipe.fingerprint,
        clip_weights=source,
        protocol="published",
        key=hashlib.sha256(run.file.read_bytes()).hexdigest(),
    )
    folder = run.out / dataset.name / "imported"
    with exclusive(folder):
        write_settings(folder, "import-checkpoint", run)
        checkpoint = Checkpoint(
            model=config,
            training=training,
            provenance=provenance,
            metrics={},
            state=model.learned_state(),
            text=text,
        )
        save_checkpoint(folder, checkpoint)
    return folder


def import_features(run: ImportFeaturesRun) -> ImportReport:
    """Write a tree of published features as shards to OUT/<dataset>/features.

    Every listed video ends as features or as a failure with its reason; what was imported before is
    not read again.

    Raises:
        StoreError: No such files or lists, features of another recipe in the folder, or the folder
            cannot be written.
    """
    require_positive(videos_per_shard=run.videos_per_shard)
    dataset = base.load(run.dataset)
    assert dataset.itemise is not None, "the settings name data sets with published lists only"
    files = find_features(run.folder)
    items = dataset.itemise(
        run.folder, run.lists, {name: min(crops.values()) for name, crops in files.items()}
    )
    width = PRESETS[dataset.preset][0].width
    folder = run.out / dataset.name / "features"
    shard_recipe = ShardRecipe(IMPORTED.to_json(), IMPORTED.fingerprint)
    failures: list[Failure] = []
    with exclusive(folder):
        catalog = open_catalog(folder)
        refuse_other_recipe(catalog, IMPORTED)
        write_settings(folder, "import-features", run)
        write_listing(folder, items)
        missing = catalog.missing(items, retry_failed=run.retry_failed)
        shards = range(0, len(missing), run.videos_per_shard)
        for start in track(shards, "import", console=console, transient=True):
            part = missing[start : start + run.videos_per_shard]
            read = [_read(item, files, width, dataset) for item in part]
            failed = [each for each in read if isinstance(each, Failure)]
            videos = [each for each in read if isinstance(each, VideoFeatures)]
            write_shard(folder, shard_recipe, videos, failed)
            failures += failed
    known = [] if run.retry_failed else catalog.failed(items)
    return ImportReport(
        folder=folder,
        new=len(missing) - len(failures),
        already=len(items) - len(missing) - len(known),
        failures=(*failures, *known),
        unlisted=tuple(sorted(files.keys() - {item.video_id for item in items})),
    )


def _read(
    item: VideoItem, files: dict[str, CropFiles], width: int, dataset: base.Dataset
) -> VideoFeatures | Failure:
    try:
        return read_features(
            item,
            files.get(item.video_id, {}),
            width=width,
            test_crop=dataset.test_crop,
            frame_rate=dataset.frame_rate,
        )
    except StoreError as error:
        return Failure(item, str(error))


def _recipe_of(run: ImportCheckpointRun) -> tuple[Recipe, str]:
    """Return the recipe that an imported checkpoint scores, and where its CLIP comes from."""
    if run.recipe == IMPORTED.name:
        return IMPORTED, ""
    recipe, source = RECIPES[run.recipe], run.weights or "openai"
    return replace(recipe, weights=resolve_weights(recipe.model, source)), source
