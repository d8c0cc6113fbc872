"""What is fixed before a training's first step: data, head, settings, and their common key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import torch

from extract.clip_weights import load_clip
from extract.recipe import recipe_from_json, weights_source
from model.checkpoint import Checkpoint, Provenance
from model.evaluation.metrics import frame_truth
from model.heads import base as heads
from model.heads.base import Head, HeadConfig
from model.heads.segment_scorer import Temperatures
from model.heads.text_tower import text_tower
from model.training.config import TrainConfig
from pipeline.outputs import Outputs
from stores.datasets import base
from stores.features.catalog import Catalog
from stores.features.feature_set import (
    check_test,
    dataset_named,
    load_test,
    open_features,
    videos_of,
)
from stores.files.names import counted
from stores.records import StoreError, VideoFeatures

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is fixed before the first step; equal keys mean equal trainings."""

    catalog: Catalog
    dataset: base.Dataset
    head: str
    model: HeadConfig
    training: TrainConfig
    provenance: Provenance

    @property
    def temperatures(self) -> Temperatures:
        """What logits are divided by when this training is evaluated."""
        return Temperatures(self.training.temperature)

    def load_test(self) -> list[VideoFeatures]:
        """Return the test split's features; errors as for ``load_test`` of the store."""
        return load_test(self.catalog, self.provenance.shard_recipe, self.provenance.test_crop)


def make_plan(run: TrainRun) -> Plan:
    """Return the plan of a run.

    Raises:
        StoreError: No features, or a test split that does not fit its truth or is of one kind.
        ValueError: Unknown head, preset or part.
    """
    outputs = Outputs(run.out)
    name = run.dataset or outputs.latest_dataset()
    dataset = dataset_named(name, outputs.features(name))
    catalog = open_features(outputs.features(name), dataset)
    check_test(catalog)
    _check_kinds(catalog, dataset.classes[0])
    assert catalog.recipe is not None, "a catalog with videos has a recipe"
    videos = videos_of(catalog, "train")
    kind = heads.load(run.head)
    model, training = kind.configure(
        run.preset or dataset.preset,
        width=videos[0].width,
        classes=len(dataset.classes),
        left_out=frozenset(_parts_in(run.without)),
        published=run.protocol == "paper",
    )
    training = replace(
        training,
        metric=dataset.metric,
        seed=run.seed,
        epochs=run.epochs or training.epochs,
        batch=run.batch or training.batch,
        arithmetic=run.arithmetic,
    )
    recipe = recipe_from_json(catalog.recipe.text, catalog.folder)
    provenance = Provenance(
        dataset=dataset.name,
        classes=dataset.classes,
        prompts=dataset.prompts,
        test_crop=dataset.test_crop,
        recipe=catalog.recipe.text,
        recipe_fingerprint=catalog.recipe.fingerprint,
        clip_weights=weights_source(recipe.model, run.weights),
        protocol=run.protocol,
    )
    decided = [
        kind.name,
        asdict(model),
        asdict(training),
        asdict(provenance),
        # Wherever the files lie. The test split's figures are kept with the weights, and chose
        # them under `paper`.
        [(v.item.video_id, v.item.labels, v.item.group) for v in videos],
        [(v.item.video_id, v.item.events) for v in videos_of(catalog, "test")],
    ]
    key = hashlib.sha256(json.dumps(decided, sort_keys=True, default=asdict).encode()).hexdigest()
    return Plan(catalog, dataset, kind.name, model, training, replace(provenance, key=key))


def _parts_in(text: str) -> list[str]:
    """Return the names of parts in a list such as ``normality,text-adapter``."""
    names = (name.strip().replace("-", "_") for name in text.split(","))
    return [name for name in names if name]


def _check_kinds(catalog: Catalog, normal: str) -> None:
    """Raise StoreError where the test split has frames of one kind, so that no figure is defined.

    That would else be found out once the training is over.
    """
    truths = [
        frame_truth([e for e in v.item.events or () if e.label != normal], v.frames)
        for v in videos_of(catalog, "test")
    ]
    lacking = "anomalous" if not any(truth.any() for truth in truths) else "normal"
    if lacking == "anomalous" or all(truth.all() for truth in truths):
        raise StoreError(
            f"{catalog.folder}: the test split ({counted(len(truths), 'video')}) has no {lacking} "
            "frame, so that no figure can be computed; give it videos of both kinds"
        )


def build_head(plan: Plan, device: torch.device) -> Head:
    """Return a freshly initialised head; the same seed makes the same one."""
    recipe = recipe_from_json(plan.provenance.recipe, plan.catalog.folder)
    clip = load_clip(recipe.model, plan.provenance.clip_weights)
    try:
        tower = text_tower(clip, recipe.model)
    except ValueError as error:
        raise ValueError(f"{recipe.model} can be extracted, not trained with: {error}") from error
    torch.manual_seed(plan.training.seed)
    try:
        head: Head = heads.load(plan.head).build(plan.model, tower, plan.provenance.prompts)
    except ValueError as error:
        raise ValueError(f"head {plan.head} cannot have {recipe.model}: {error}") from error
    return head.to(device)


def make_checkpoint(plan: Plan, head: Head, metrics: dict[str, float]) -> Checkpoint:
    """Return a head's present weights as a checkpoint."""
    return Checkpoint(
        head=plan.head,
        model=plan.model,
        training=plan.training,
        provenance=plan.provenance,
        metrics=metrics,
        state=head.learned_state(),
        text=head.scorer(plan.temperatures).text,
    )
