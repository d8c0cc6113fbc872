"""Training: from the shards of a data set to a checkpoint, by one of two protocols.

``heldout`` sets training videos aside to choose the weights and looks at the test split once, at
the end; ``paper`` chooses on the test split and reloads the best weights after each epoch.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from extract.encoder import load_clip
from extract.recipe import TINY_MODEL, recipe_from_json
from model.checkpoint import (
    FILE,
    Checkpoint,
    Provenance,
    device_named,
    load_checkpoint,
    save_checkpoint,
)
from model.config import PRESETS, ModelConfig, TrainConfig
from model.data import TrainingSet, training_set
from model.dsanet import Dsanet, build_dsanet, build_text_encoder
from model.fit import STATE, Procedure, StepReport, fit
from model.selection import Selection, held_out_videos, video_selection
from model.text import TextTower, text_half
from pipeline.evaluate import frame_figure, load_test, score_metrics
from pipeline.features import latest_dataset, open_features, read_videos, videos_of
from pipeline.progress import console
from pipeline.runs import write_settings
from pipeline.scorer import Scorer
from pipeline.settings import TrainRun
from stores.catalog import Catalog
from stores.commit import commit_text, exclusive
from stores.datasets import base
from stores.shards import ShardVideo

_LOG_EVERY = 10  # steps between two TensorBoard entries: each waits for the device


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training came to; ``trained`` is False where a finished one was found."""

    folder: Path
    dataset: str
    trained: bool
    samples: int
    steps: int
    seconds: float
    selection: float
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is settled before the first step."""

    catalog: Catalog
    dataset: base.Dataset
    model: ModelConfig
    training: TrainConfig
    provenance: Provenance


def train(run: TrainRun) -> TrainReport:
    """Train on the features of a data set and commit the checkpoint to OUT/<dataset>/train.

    Raises:
        StoreError: No features, no labels, or the folder cannot be written.
        ValueError: Unknown preset, too few videos for a batch, or CLIP weights that are not there.
    """
    plan = make_plan(run)
    folder = run.out / plan.dataset.name / "train"
    with exclusive(folder):
        if not run.force and (done := _finished(folder, plan)):
            return done
        write_settings(folder, "train", run)
        return _train(run, plan, folder)


def make_plan(run: TrainRun) -> Plan:
    """Settle data set, features, model and settings of a run; errors as in :func:`train`."""
    dataset = base.load(run.dataset or latest_dataset(run.out))
    if run.dataset is None:
        console.print(f"training on {dataset.name}, the data set extracted last", highlight=False)
    catalog = open_features(run.out, dataset)
    assert catalog.recipe is not None, "a catalog with videos has a recipe"
    name = run.preset or dataset.preset
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; there are {', '.join(sorted(PRESETS))}")
    videos = videos_of(catalog, "train")
    model, training = PRESETS[name]
    model = replace(model, width=videos[0].width, classes=len(dataset.classes))
    training = replace(
        training,
        seed=run.seed,
        epochs=run.epochs or training.epochs,
        batch=run.batch or training.batch,
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
        [asdict(v.item) for v in videos],
    ]
    key = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
    return Plan(catalog, dataset, model, training, replace(provenance, key=key))


def build_model(plan: Plan, device: torch.device) -> Dsanet:
    """Return a freshly initialised model; the same seed makes the same one."""
    recipe = recipe_from_json(plan.provenance.recipe)
    clip = load_clip(recipe.model, plan.provenance.clip_weights)
    try:
        tower = TextTower(text_half(clip))
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


def _finished(folder: Path, plan: Plan) -> TrainReport | None:
    """Return the report of a finished training with the same key, if the folder holds one."""
    if not (folder / FILE).is_file():
        return None
    checkpoint = load_checkpoint(folder)
    if checkpoint.provenance.key != plan.provenance.key:
        return None
    metrics = dict(checkpoint.metrics)
    return TrainReport(
        folder=folder,
        dataset=plan.dataset.name,
        trained=False,
        samples=int(metrics.pop("samples")),
        steps=int(metrics.pop("steps")),
        seconds=metrics.pop("seconds"),
        selection=metrics.pop("selection"),
        metrics=metrics,
    )


def _train(run: TrainRun, plan: Plan, folder: Path) -> TrainReport:
    device = device_named(run.device)
    model = build_model(plan, device)
    videos = videos_of(plan.catalog, "train")
    judge, samples = _judge_and_samples(plan, videos, device)
    begun = time.monotonic()
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        training = fit(
            model,
            samples,
            plan.training,
            judge,
            Procedure(
                reload_best=run.protocol == "paper", state_folder=folder, key=plan.provenance.key
            ),
            lambda step, selection: _log(writer, step, selection),
        )
    assert training.best is not None, "an epoch ends with a judgement"
    seconds = time.monotonic() - begun
    model.eval()
    test = load_test(plan.catalog, plan.provenance)
    scorer = scorer_for(plan, model)
    metrics = score_metrics(test, [scorer.score(v) for v in test], plan.dataset.classes)
    facts = {
        "selection": training.best.metric,
        "samples": float(len(samples)),
        "steps": float(training.step),
        "seconds": seconds,
    }
    save_checkpoint(folder, make_checkpoint(plan, model, metrics | facts))
    (folder / STATE).unlink(missing_ok=True)
    commit_text(folder / "metrics.json", json.dumps(metrics | facts, indent=1) + "\n")
    return TrainReport(
        folder=folder,
        dataset=plan.dataset.name,
        trained=True,
        samples=len(samples),
        steps=training.step,
        seconds=seconds,
        selection=training.best.metric,
        metrics=metrics,
    )


def _judge_and_samples(
    plan: Plan, videos: list[ShardVideo], device: torch.device
) -> tuple[Callable[[Dsanet], Selection], TrainingSet]:
    """Return who chooses the weights, and the samples that are left to train on."""
    classes, metric = plan.dataset.classes, plan.training.metric
    if plan.provenance.protocol == "paper":
        test = load_test(plan.catalog, plan.provenance)

        def judge_on_test(model: Dsanet) -> Selection:
            scorer = scorer_for(plan, model)
            scores = [scorer.score(video) for video in test]
            return Selection(frame_figure(test, scores, classes[0], metric))

        return judge_on_test, _samples(plan, videos, device)
    held = held_out_videos([v.item.labels for v in videos], classes[0], plan.training.seed)
    kept = [v for i, v in enumerate(videos) if i not in held]
    aside = [v for i, v in enumerate(videos) if i in held]
    held_set = _samples(plan, aside, device, crop=plan.dataset.test_crop)
    return lambda model: video_selection(model, held_set, metric), _samples(plan, kept, device)


def _samples(
    plan: Plan, videos: list[ShardVideo], device: torch.device, crop: int | None = None
) -> TrainingSet:
    """Return a sample for each crop of each video, or for one crop, on the device."""
    count = len(videos) if crop is not None else sum(video.crops for video in videos)
    return training_set(
        read_videos(videos, crop), count, plan.model.window, plan.dataset.classes
    ).to(device)


def scorer_for(plan: Plan, model: Dsanet) -> Scorer:
    """Return a scorer of the model's present weights."""
    with torch.inference_mode():
        text = model.text()
    return Scorer(model, text, plan.training.temperature, plan.dataset.test_crop)


def _log(writer: SummaryWriter, step: StepReport, selection: Selection | None) -> None:
    if step.step % _LOG_EVERY == 0:
        for field in fields(step.terms):
            term = getattr(step.terms, field.name)
            if term is not None:
                writer.add_scalar(f"loss/{field.name}", float(term), step.step)
        writer.add_scalar("loss/total", float(step.total), step.step)
        writer.add_scalar("rate/main", step.main_rate, step.step)
        writer.add_scalar("rate/normality", step.normality_rate, step.step)
    if selection is not None:
        writer.add_scalar("selection/metric", selection.metric, step.step)
        writer.add_scalar("selection/likelihood", selection.likelihood, step.step)
