"""What is settled before a training's first step: data, model, settings, and their common key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

import torch

from extract.encoder import load_clip
from extract.recipe import TINY_MODEL, recipe_from_json
from model.checkpoint import Checkpoint, Provenance
from model.heads.dsanet.build import build_dsanet, build_text_encoder
from model.heads.dsanet.config import PRESETS, ModelConfig
from model.heads.dsanet.model import Dsanet
from model.heads.dsanet.text_tower import text_tower
from model.scoring.scorer import Logits
from model.scoring.videos import Scorer
from model.training.config import TrainConfig
from pipeline.outputs import require_positive
from pipeline.settings import TrainRun
from stores.datasets import base
from stores.features.catalog import Catalog
from stores.features.feature_set import (
    check_test,
    dataset_named,
    latest_dataset,
    open_features,
    videos_of,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is settled before the first step; equal keys mean equal trainings."""

    catalog: Catalog
    dataset: base.Dataset
    model: ModelConfig
    training: TrainConfig
    provenance: Provenance


def make_plan(run: TrainRun) -> Plan:
    """Settle data set, features, model and settings of a run.

    Raises:
        StoreError: No features, or a test split that does not fit its truth.
        ValueError: Unknown preset, or a number that has to be above 0.
    """
    require_positive(epochs=run.epochs, batch=run.batch)
    dataset = dataset_named(run.out, run.dataset or latest_dataset(run.out))
    catalog = open_features(run.out, dataset)
    check_test(catalog)
    assert catalog.recipe is not None, "a catalog with videos has a recipe"
    name = run.preset or dataset.preset
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; there are {', '.join(sorted(PRESETS))}")
    videos = videos_of(catalog, "train")
    model, training = PRESETS[name]
    model = replace(
        model,
        width=videos[0].width,
        classes=len(dataset.classes),
        normality=run.normality,
        alignment=run.alignment,
        text_adapter=run.text_adapter,
    )
    training = replace(
        training,
        metric=dataset.metric,
        seed=run.seed,
        epochs=run.epochs or training.epochs,
        batch=run.batch or training.batch,
        arithmetic=run.arithmetic,
    )
    if run.protocol == "heldout":
        # The published UCF-Crime schedule is twice too long by mistake; only `paper` repeats it.
        training = replace(training, schedule_steps=None)
    recipe = recipe_from_json(catalog.recipe.text)
    provenance = Provenance(
        dataset=dataset.name,
        classes=dataset.classes,
        prompts=dataset.prompts,
        test_crop=dataset.test_crop,
        recipe=catalog.recipe.text,
        recipe_fingerprint=catalog.recipe.fingerprint,
        clip_weights=run.weights or ("" if recipe.model == TINY_MODEL else "openai"),
        protocol=run.protocol,
    )
    decided = [
        asdict(model),
        asdict(training),
        asdict(provenance),
        # Wherever the files lie. The test split's figures are kept with the weights, and chose
        # them under `paper`.
        [(v.item.video_id, v.item.labels, v.item.group) for v in videos],
        [(v.item.video_id, v.item.events) for v in videos_of(catalog, "test")],
    ]
    key = hashlib.sha256(json.dumps(decided, sort_keys=True, default=asdict).encode()).hexdigest()
    return Plan(catalog, dataset, model, training, replace(provenance, key=key))


def build_model(plan: Plan, device: torch.device) -> Dsanet:
    """Return a freshly initialised model; the same seed makes the same one."""
    recipe = recipe_from_json(plan.provenance.recipe)
    clip = load_clip(recipe.model, plan.provenance.clip_weights)
    try:
        tower = text_tower(clip, recipe.model)
    except ValueError as error:
        raise ValueError(f"{recipe.model} can be extracted, not trained with: {error}") from error
    torch.manual_seed(plan.training.seed)
    text = build_text_encoder(plan.model, tower, plan.provenance.prompts)
    return build_dsanet(plan.model, text).to(device)


def make_checkpoint(plan: Plan, model: Dsanet, metrics: dict[str, float]) -> Checkpoint:
    """Return a model's present weights as a checkpoint."""
    with torch.inference_mode():
        text = model.text()
    return Checkpoint(
        model=plan.model,
        training=plan.training,
        provenance=plan.provenance,
        metrics=metrics,
        state=model.learned_state(),
        text=text,
    )


def scorer_for(plan: Plan, model: Dsanet, logits: Logits | None = None) -> Scorer:
    """Return a scorer of the model's present weights; ``logits`` where its own are compiled."""
    with torch.inference_mode():
        text = model.text()
    return Scorer(model, text, plan.training.temperature, plan.dataset.test_crop, logits=logits)
