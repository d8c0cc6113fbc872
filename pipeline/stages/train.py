"""Training: from the shards of a data set to a checkpoint, by one of two protocols.

``heldout`` sets training videos aside to choose the weights and looks at the test split once, at
the end; ``paper`` chooses on the test split and reloads the best weights after each epoch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from model.checkpoint import FILE, load_checkpoint, save_checkpoint
from model.device import device_named
from model.evaluation.summary import frame_figure, score_metrics
from model.heads.dsanet.model import Dsanet
from model.scoring.scorer import Logits
from model.training.data import TrainingSet, training_set
from model.training.fit import STATE, Procedure, StepReport, fit
from model.training.selection import Selection, held_out_videos, video_selection
from model.training.step import step_programs
from pipeline.console import console
from pipeline.engine.compile import CompiledLogits, compiled_step
from pipeline.outputs import write_settings
from pipeline.settings import TrainRun
from pipeline.stages.training_plan import Plan, build_model, make_checkpoint, make_plan, scorer_for
from stores.features.feature_set import load_test, read_videos, videos_of
from stores.features.shard_index import ShardVideo
from stores.files.commit import commit_text, exclusive
from stores.files.locations import local_folder

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


def train(run: TrainRun) -> TrainReport:
    """Train on the features of a data set and commit the checkpoint to OUT/<dataset>/<name>.

    Raises:
        StoreError: No features, no labels, a test split that does not fit its truth, or the folder
            cannot be written.
        ValueError: Unknown preset, too few videos for a batch, or CLIP weights that are not there.
    """
    plan = make_plan(run)
    if run.dataset is None:
        told = f"training on {plan.dataset.name}, the data set extracted last"
        console.print(told, highlight=False)
    folder = run.out / plan.dataset.name / run.name
    with exclusive(folder):
        if not run.force and (done := find_finished(folder, plan)):
            return done
        write_settings(folder, "train", run)
        return _train(run, plan, folder)


def find_finished(folder: Path, plan: Plan) -> TrainReport | None:
    """Return the report of a finished training with the plan's key, if the folder holds one."""
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
        seconds=0.0,
        selection=metrics.pop("selection"),
        metrics=metrics,
    )


def _train(run: TrainRun, plan: Plan, folder: Path) -> TrainReport:
    device = device_named(run.device)
    model = build_model(plan, device)
    videos = videos_of(plan.catalog, "train")
    programs, logits = step_programs(model, plan.training.arithmetic), None
    if run.compile:
        programs, logits = compiled_step(programs, device), CompiledLogits(model, device)
    judge, samples = _judge_and_samples(plan, videos, device, logits)
    begun = time.monotonic()
    if not (folder / STATE).is_file():  # curves of a training before this one
        for old in (folder / "tensorboard").glob("events.*"):
            old.unlink()
    with (
        local_folder(folder / "tensorboard") as events,
        SummaryWriter(str(events)) as writer,
    ):
        training = fit(
            model,
            samples,
            plan.training,
            judge,
            Procedure(run.protocol == "paper", folder, plan.provenance.key, programs),
            lambda step, selection: _log(writer, step, selection),
        )
    assert training.best is not None, "an epoch ends with a judgement"
    seconds = time.monotonic() - begun
    model.eval()
    test = load_test(plan.catalog, plan.provenance.shard_recipe, plan.provenance.test_crop)
    scorer = scorer_for(plan, model, logits)
    metrics = score_metrics(test, list(scorer.score_all(test)), plan.dataset.classes)
    facts = {
        "selection": training.best.metric,
        "samples": float(len(samples)),
        "steps": float(training.step),
    }
    # The time stays out of the checkpoint: the same training is to be the same bytes.
    save_checkpoint(folder, make_checkpoint(plan, model, metrics | facts))
    (folder / STATE).unlink(missing_ok=True)
    commit_text(
        folder / "metrics.json",
        json.dumps({**metrics, **facts, "seconds": seconds}, indent=1) + "\n",
    )
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
    plan: Plan, videos: list[ShardVideo], device: torch.device, logits: Logits | None
) -> tuple[Callable[[Dsanet], Selection], TrainingSet]:
    """Return who chooses the weights, and the samples that are left to train on."""
    classes, metric = plan.dataset.classes, plan.training.metric
    if plan.provenance.protocol == "paper":
        test = load_test(plan.catalog, plan.provenance.shard_recipe, plan.provenance.test_crop)

        def judge_on_test(model: Dsanet) -> Selection:
            scores = list(scorer_for(plan, model, logits).score_all(test))
            return Selection(frame_figure(test, scores, classes[0], metric))

        return judge_on_test, _samples(plan, videos, device)
    held = held_out_videos(
        [video.item.labels for video in videos],
        [video.item.group for video in videos],
        classes[0],
        plan.training.seed,
    )
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
