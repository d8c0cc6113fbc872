"""The extraction stage: a data set's videos to HDF5 shards of segment features."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from extract.clip_weights import complete_recipe
from extract.recipe import Recipe, differences, recipe_from_json, resolve_recipe
from pipeline.engine.driver import run_stage
from pipeline.engine.events import (
    ProgressBar,
    VideoFailed,
    VideoFinished,
    VideoOutcome,
    no_progress,
)
from pipeline.engine.settings import stage_settings
from pipeline.engine.sink import Sink
from pipeline.engine.tasks import encoder_precision
from pipeline.outputs import Outputs, write_settings
from pipeline.stages.pending import Recorded, find_pending
from pipeline.stages.preflight import check_before, compare_lengths, survey
from stores.datasets import base
from stores.datasets.custom.dataset import check_name, write_dataset
from stores.datasets.inventory import restricted, take_inventory
from stores.features.catalog import Catalog, drop_outdated, open_catalog
from stores.features.manifest import write_manifest
from stores.features.shard_index import ShardRecipe
from stores.features.shards import read_index, shard_name, write_shard
from stores.files.commit import exclusive
from stores.files.roots import record_root
from stores.files.scan import log_passed_over
from stores.records import Failure, StoreError

if TYPE_CHECKING:
    from pipeline.commands.extract import ExtractRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What an extraction came to: counts of videos, and where their features are.

    Of the videos whose file changed since it was read, ``redone`` were read again, ``kept`` were
    not.
    ``marked`` are those, of earlier runs as well, that do not hold what they announce.
    """

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    frames: int
    seconds: float
    redone: int = 0
    kept: int = 0
    marked: int = 0


def extract(run: ExtractRun, *, progress: ProgressBar = no_progress) -> ExtractReport:
    """Extract what is not extracted yet and return what was done.

    Raises:
        StoreError: No data set, root or videos, features of another recipe, a folder not writable.
        ValueError: Unknown recipe or CLIP model, or unloadable weights.
    """
    dataset = base.load(run.dataset)
    recipe = resolve_recipe(run.recipe, dataset.recipe)
    root = _find_root(run, dataset)
    dataset = _describe_dataset(run, dataset, root)
    inventory = take_inventory(dataset, root, run.lists)
    if dataset.generate is None:  # beside generated videos lie the files of their plan
        log_passed_over(inventory.tree)
    items = inventory.items
    recipe, source = complete_recipe(recipe, run.recipe, encoder_precision)
    folder = Outputs(run.out).features(dataset.name)
    with exclusive(folder):
        catalog = open_catalog(folder)
        refuse_other_recipe(catalog, recipe)
        drop_outdated(catalog)
        pending = find_pending(folder, items, _recorded(catalog), run.reading)
        missing = pending.items
        write_settings(folder, "extract", run)
        record_root(folder, root)
        if dataset.describe is not None:
            write_dataset(folder, dataset)
        write_manifest(folder, items, inventory.tree.others)
        if missing and dataset.generate is None:  # people bring this one themselves
            left = restricted(inventory, missing)
            rate = run.reading.image_rate or dataset.frame_rate
            preflight = survey(dataset.name, root, left, recipe, out=run.out, image_rate=rate)
            preflight = compare_lengths(preflight, dataset, root, run.lists)
            check_before(run, preflight, has_features=bool(catalog.videos))
        tally = run_stage(
            missing,
            stage_settings(recipe, source, run.reading, dataset.frame_rate),
            shard_sink(folder, recipe),
            per_job=run.videos_per_shard,
            generation=catalog.generation + pending.again,
            progress=partial(progress, "extract"),
        )
        if pending.again:
            drop_outdated(open_catalog(folder))
    read = {item.video_id for item in missing}
    known = catalog.failed([item for item in items if item.video_id not in read])
    unread = {item.video_id for item in items} - read
    there = [video for key, video in catalog.videos.items() if key in unread]
    return ExtractReport(
        folder=folder,
        new=tally.done,
        already=len(items) - len(missing) - len(known),
        failures=(*tally.failures, *known),
        frames=tally.frames,
        seconds=tally.seconds,
        redone=pending.redone,
        kept=pending.kept,
        marked=tally.marked + sum(bool(video.audit.mismatch) for video in there),
    )


def _recorded(catalog: Catalog) -> dict[str, Recorded]:
    failures = {key: Recorded(f.item.path, f.content, True) for key, f in catalog.failures.items()}
    videos = {key: Recorded(v.item.path, v.content, False) for key, v in catalog.videos.items()}
    return failures | videos


def shard_sink(folder: Path, recipe: Recipe) -> Sink:
    """Return the sink that commits the features of a job as one shard in ``folder``."""
    folder, shards = folder.absolute(), ShardRecipe(recipe.to_json(), recipe.fingerprint)
    write = partial(write_shard, folder, shards)
    return Sink(folder, partial(shard_name, shards), write, _outcomes)


def _outcomes(shard: Path) -> Iterator[VideoOutcome]:
    index = read_index(shard)
    yield from (VideoFinished(each.item, bool(each.audit.mismatch)) for each in index.videos)
    yield from map(VideoFailed, index.failures)


def _find_root(run: ExtractRun, dataset: base.Dataset) -> Path:
    """Return the folder of the videos, generating a data set that can be generated."""
    if run.root is not None:
        return run.root
    if dataset.generate is None:
        raise StoreError(f"data set {dataset.name} needs ROOT=<folder that holds its videos>")
    root = Outputs(run.out).videos(dataset.name)
    if not root.is_dir():
        logger.info("generating the videos of %s in %s", dataset.name, root)
    dataset.generate(root, 0)
    return root


def _describe_dataset(run: ExtractRun, dataset: base.Dataset, root: Path) -> base.Dataset:
    """Return a data set with everything that its root says of it, under the name of the run."""
    if dataset.describe is None:
        if run.name is not None:
            raise StoreError(f"--name is for data set custom, got it for {dataset.name}")
        return dataset
    name = check_name(run.name or dataset.name)
    described = replace(dataset.describe(root, run.lists), name=name)
    logger.info("%s: %s", name, described.note)
    return described


def refuse_other_recipe(catalog: Catalog, recipe: Recipe) -> None:
    """Raise StoreError, naming the fields that differ, where a folder has another recipe."""
    if catalog.recipe is None or catalog.recipe.fingerprint == recipe.fingerprint:
        return
    fields = "; ".join(differences(recipe, recipe_from_json(catalog.recipe.text, catalog.folder)))
    raise StoreError(
        f"{catalog.folder} holds features of another recipe (now != there: {fields}); "
        "give another OUT, or the same settings"
    )
