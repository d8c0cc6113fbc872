"""The test split that a checkpoint is measured on: its own data set's, or another's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.recipe import differences, recipe_from_json
from model.checkpoint import Checkpoint, Provenance, build_scorer, load_checkpoint
from model.device import device_named
from model.evaluation.summary import ScoredSplit
from model.scoring.scorer import score_features
from pipeline.outputs import Outputs
from stores.datasets import base
from stores.features.catalog import Catalog
from stores.features.feature_set import check_labels, dataset_named, load_test, open_features
from stores.features.relabelling import complete_mapping, read_mapping, relabel
from stores.records import StoreError, VideoFeatures

if TYPE_CHECKING:
    from pipeline.commands.calibrate import CalibrateRun
    from pipeline.commands.evaluate import EvaluateRun


@dataclass(frozen=True, slots=True)
class TestSplit:
    """A checkpoint, and the test split that it is measured on: its catalog and its features."""

    path: Path
    checkpoint: Checkpoint
    dataset: base.Dataset
    catalog: Catalog
    videos: list[VideoFeatures]

    def scored(self, device: str, temperature: float | None = None) -> ScoredSplit:
        """Return the split scored as `score` would with this temperature."""
        provenance = self.checkpoint.provenance
        scorer = build_scorer(self.checkpoint, device_named(device), temperature)
        scores = list(score_features(scorer, self.videos, provenance.test_crop))
        return ScoredSplit(self.videos, scores, provenance.classes, self.dataset.normal_is_event)


def load_test_split(run: EvaluateRun | CalibrateRun) -> TestSplit:
    """Return the checkpoint that a run names, or the latest, and the test split to measure it on.

    Raises:
        StoreError: No checkpoint or features, those of another recipe, or a split without truth.
    """
    outputs = Outputs(run.out)
    path = run.checkpoint or outputs.latest_checkpoint()
    checkpoint = load_checkpoint(path)
    provenance = checkpoint.provenance
    name = run.dataset or provenance.dataset
    dataset = dataset_named(name, outputs.features(name))
    catalog = open_features(outputs.features(name), dataset)
    check_labels(catalog, provenance.classes, str(path))
    videos = load_test(catalog, provenance.shard_recipe, provenance.test_crop)
    return TestSplit(path, checkpoint, dataset, catalog, videos)


def load_other_split(run: EvaluateRun, name: str) -> TestSplit:
    """Return a checkpoint and the test split of data set ``name``, under the checkpoint's classes.

    The crop is that which the other data set's lists score.

    Raises:
        StoreError: As for :func:`load_test_split`, or classes that are mapped to none; their names.
    """
    given = {} if run.classes is None else read_mapping(run.classes)  # before any features
    outputs = Outputs(run.out)
    path = run.checkpoint or outputs.latest_checkpoint()
    checkpoint = load_checkpoint(path)
    dataset = dataset_named(name, outputs.features(name))
    catalog = open_features(outputs.features(name), dataset)
    provenance = checkpoint.provenance
    _check_recipe(catalog, provenance, name)
    mapping = complete_mapping(given, dataset.classes, provenance.classes)
    videos = load_test(relabel(catalog, name, mapping), provenance.shard_recipe, dataset.test_crop)
    return TestSplit(path, checkpoint, dataset, catalog, videos)


def _check_recipe(catalog: Catalog, provenance: Provenance, name: str) -> None:
    """Raise StoreError where features are not made as a checkpoint's; what differs is named."""
    assert catalog.recipe is not None, "a catalog with videos has a recipe"
    theirs = recipe_from_json(catalog.recipe.text, catalog.folder)
    if found := differences(theirs, recipe_from_json(provenance.recipe, "the checkpoint")):
        raise StoreError(
            f"features of {name} are made in another way than the checkpoint's ({name} != "
            f"checkpoint): {'; '.join(found)}; extract {name} by the same recipe"
        )
