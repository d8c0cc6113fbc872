"""The extraction stage: a data set's videos to HDF5 shards of segment features."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import ray
import torch

from extract.encoder import check_model, default_precision, resolve_weights
from extract.recipe import (
    RECIPES,
    TINY_MODEL,
    Precision,
    Recipe,
    differences,
    recipe_from_json,
)
from pipeline.console import console
from pipeline.engine.cluster import running_cluster
from pipeline.engine.driver import run_stage
from pipeline.engine.shard_worker import StageSettings
from pipeline.outputs import require_sane, write_settings
from pipeline.settings import ExtractRun
from pipeline.stages.preflight import check_before, survey
from stores.datasets import base
from stores.datasets.custom.dataset import check_name, write_dataset
from stores.datasets.inventory import restricted, take_inventory
from stores.features.catalog import Catalog, open_catalog
from stores.features.manifest import write_listing
from stores.features.shard_index import ShardRecipe
from stores.features.shards import shard_name, write_shard
from stores.files.commit import exclusive
from stores.files.scan import refuse_other_files
from stores.records import Failure, StoreError, VideoFeatures, VideoItem


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What an extraction came to: counts of videos, and where their features are."""

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    frames: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ShardSink:
    """Commits the features of a job as one shard; ``before`` names the shards of earlier runs."""

    folder: Path
    recipe: ShardRecipe
    before: frozenset[str]

    def is_done(self, items: tuple[VideoItem, ...]) -> bool:
        """Return whether a worker that was lost since had committed exactly these videos."""
        name = shard_name(self.recipe, [item.video_id for item in items])
        return name not in self.before and (self.folder / name).is_file()

    def commit(self, videos: list[VideoFeatures], failures: list[Failure]) -> None:
        """Write the shard; a StoreError says why it cannot be written."""
        write_shard(self.folder, self.recipe, videos, failures)


def extract(run: ExtractRun) -> ExtractReport:
    """Extract what is not extracted yet and return what was done.

    Raises:
        StoreError: Unknown data set, missing root, no videos, features of another recipe in the
            folder, or the folder cannot be written.
        ValueError: Unknown recipe or CLIP model, weights that cannot be loaded, or a number that
            has to be above 0.
    """
    require_sane(run.reading, videos_per_shard=run.videos_per_shard)
    dataset = base.load(run.dataset)
    chosen = choose_recipe(run, dataset)
    root = find_root(run, dataset)
    dataset = describe_dataset(run, dataset, root)
    folder = run.out / dataset.name / "features"
    inventory = take_inventory(dataset, root, run.lists)
    items = inventory.items
    recipe, source = settle_recipe(chosen, run)
    with exclusive(folder):
        catalog = open_catalog(folder)
        refuse_other_recipe(catalog, recipe)
        refuse_other_files(folder, items, catalog.paths)
        write_settings(folder, "extract", run)
        if dataset.describe is not None:
            write_dataset(folder, dataset)
        write_listing(folder, items)
        missing = catalog.missing(items, retry_failed=run.reading.retry_failed)
        known = [] if run.reading.retry_failed else catalog.failed(items)
        already = len(items) - len(missing) - len(known)
        if not missing:
            return ExtractReport(folder, 0, already, tuple(known), 0, 0.0)
        if dataset.generate is None:  # people bring this one themselves
            left = restricted(inventory, missing)
            preflight = survey(dataset.name, root, left, recipe, out=run.out)
            check_before(run, preflight, has_features=bool(catalog.videos))
        sink = ShardSink(
            folder=folder.absolute(),
            recipe=ShardRecipe(recipe.to_json(), recipe.fingerprint),
            before=frozenset(path.name for path in folder.glob("shard-*.h5")),
        )
        settings = StageSettings(recipe, source, run.reading)
        tally = run_stage("extract", missing, settings, sink, per_job=run.videos_per_shard)
    return ExtractReport(
        folder=folder,
        new=tally.done,
        already=already,
        failures=(*tally.failures, *known),
        frames=tally.frames,
        seconds=tally.seconds,
    )


def find_root(run: ExtractRun, dataset: base.Dataset) -> Path:
    """Return the folder of the videos, generating a data set that can be generated.

    Raises:
        StoreError: No root was given for a data set that people bring themselves.
    """
    if run.root is not None:
        return run.root
    if dataset.generate is None:
        raise StoreError(f"data set {dataset.name} needs ROOT=<folder that holds its videos>")
    root = run.out / dataset.name / "videos"
    if not root.is_dir():
        console.print(f"generating the videos of {dataset.name} in {root}", highlight=False)
    dataset.generate(root, 0)
    return root


def describe_dataset(run: ExtractRun, dataset: base.Dataset, root: Path) -> base.Dataset:
    """Return a data set with everything known that its root tells, under the name it is to have.

    Raises:
        StoreError: A name for a data set that has one, or as for the data set's ``describe``.
    """
    if dataset.describe is None:
        if run.name is not None:
            raise StoreError(f"--name is for data set custom, got it for {dataset.name}")
        return dataset
    name = check_name(run.name or dataset.name)
    described = replace(dataset.describe(root, run.lists), name=name)
    console.print(f"{name}: {described.note}", highlight=False, soft_wrap=True)
    return described


def choose_recipe(run: ExtractRun, dataset: base.Dataset) -> Recipe:
    """Return the recipe that a run names; its weights, and precision ``auto``, are still open.

    It reads no file, so a misspelt name is told before anything is generated or downloaded.

    Raises:
        ValueError: Unknown recipe or model, or crops that the recipe's size does not allow.
    """
    name = "centre" if run.recipe == "center" else run.recipe or dataset.recipe
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; there are {', '.join(sorted(RECIPES))}")
    recipe = RECIPES[name]
    recipe = replace(
        recipe,
        model=run.clip or recipe.model,
        frames=run.frames or recipe.frames,
        crops=run.crops or recipe.crops,
        channels=run.channels or recipe.channels,
        tail=run.tail or recipe.tail,
        l2_normalise=recipe.l2_normalise if run.l2_normalise is None else run.l2_normalise,
    )
    check_model(recipe.model)
    if recipe.crops == "ten" and recipe.resize != "340x256":
        raise ValueError(
            f"ten crops are cut from 340x256; recipe {name} resizes to {recipe.resize}"
        )
    return recipe


def settle_recipe(recipe: Recipe, run: ExtractRun) -> tuple[Recipe, str]:
    """Return a recipe with weights and precision settled, and where the weights come from.

    Raises:
        ValueError: Weights that are not there or do not go with the model.
    """
    source = run.weights or ("" if recipe.model == TINY_MODEL else "openai")
    precision = _settle_precision(recipe.model) if run.precision == "auto" else run.precision
    weights = resolve_weights(recipe.model, source)
    return replace(recipe, weights=weights, precision=precision), source


def _settle_precision(model: str) -> Precision:
    """Return the precision that ``auto`` means: that of the machine that will encode."""
    if model == TINY_MODEL:
        return "fp32"
    if not os.environ.get("RAY_ADDRESS"):
        return default_precision("cuda" if torch.cuda.is_available() else "cpu")
    with running_cluster() as plan:
        asked = ray.remote(default_precision).options(num_gpus=plan.gpus)
        settled: Precision = ray.get(asked.remote("cuda" if plan.gpus else "cpu"))
        return settled


def refuse_other_recipe(catalog: Catalog, recipe: Recipe) -> None:
    """Raise StoreError, naming the fields that differ, where a folder has another recipe."""
    if catalog.recipe is None or catalog.recipe.fingerprint == recipe.fingerprint:
        return
    fields = "; ".join(differences(recipe, recipe_from_json(catalog.recipe.text)))
    raise StoreError(
        f"{catalog.folder} holds features of another recipe (now != there: {fields}); "
        "give another OUT, or the same settings"
    )
