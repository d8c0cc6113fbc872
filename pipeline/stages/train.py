"""Training: from the shards of a data set to a checkpoint, by one of two protocols.

``heldout`` sets training videos aside to choose the weights and looks at the test split once, at
the end; ``paper`` chooses on the test split and reloads the best weights after each epoch.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.tensorboard import SummaryWriter

from model.checkpoint import FILE, load_checkpoint, save_checkpoint
from model.device import device_named
from model.evaluation.summary import ScoredSplit, frame_metric, score_metrics
from model.heads.base import Head
from model.heads.segment_scorer import SegmentScorer
from model.scoring.scorer import WindowScorer, score_features
from model.training.data import TrainingSet, training_set
from model.training.fit import STATE, FitOptions, StepReport, fit
from model.training.selection import Selection, held_out_videos, video_selection
from model.training.step import step_programs
from pipeline.engine.compile import CompiledScorer, compiled_step
from pipeline.outputs import Outputs, write_settings
from pipeline.stages.training_plan import Plan, build_head, make_checkpoint, make_plan
from stores.features.feature_set import Coverage, coverage_of, read_videos, videos_of
from stores.features.shard_index import ShardVideo
from stores.files.commit import commit_text, exclusive, refuse_links
from stores.files.locations import local_folder
from stores.files.names import counted
from stores.records import VideoFeatures

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun

logger = logging.getLogger(__name__)

_LOG_EVERY = 10  # steps between two TensorBoard entries: each waits for the device


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training came to; ``trained`` is False where a finished one was found.

    ``metrics`` are over the test videos that ``coverage`` counts.
    """

    folder: Path
    dataset: str
    trained: bool
    samples: int
    steps: int
    seconds: float
    selection: float
    metrics: dict[str, float]
    coverage: Coverage


def train(run: TrainRun) -> TrainReport:
    """Train on the features of a data set and commit the checkpoint to OUT/<dataset>/<name>.

    Raises:
        StoreError: No features or labels, a test split unlike its truth, or a folder not writable.
        ValueError: Unknown head, preset or part, too few videos for a batch, or CLIP weights that
            are not there.
    """
    plan = make_plan(run)
    if run.dataset is None:
        logger.info("training on %s, the data set extracted last", plan.dataset.name)
    folder = Outputs(run.out).checkpoint(plan.dataset.name, run.name)
    with exclusive(folder):
        if not run.force and (done := find_finished(folder, plan)):
            (folder / STATE).unlink(missing_ok=True)  # of a run that was killed just before its end
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
    return _report(folder, plan, checkpoint.metrics, trained=False, seconds=0.0)


def _report(
    folder: Path, plan: Plan, figures: Mapping[str, float], *, trained: bool, seconds: float
) -> TrainReport:
    metrics = dict(figures)
    return TrainReport(
        folder=folder,
        dataset=plan.dataset.name,
        trained=trained,
        samples=int(metrics.pop("samples")),
        steps=int(metrics.pop("steps")),
        seconds=seconds,
        selection=metrics.pop("selection"),
        metrics=metrics,
        coverage=coverage_of(plan.catalog),
    )


def _train(run: TrainRun, plan: Plan, folder: Path) -> TrainReport:
    device = device_named(run.device)
    head = build_head(plan, device)
    scorer = head.scorer(plan.temperatures)
    programs, compiled = step_programs(head, plan.training.arithmetic), None
    if run.compile:
        programs, compiled = compiled_step(programs, device), CompiledScorer(scorer)
    evaluate, samples = _protocol(plan, scorer, compiled, device)
    if (fitting := len(samples)) < plan.training.batch and plan.training.sampling == "shuffled":
        logger.warning(
            "a batch of %d is more than the %s there are: each step takes all of them, as "
            "--batch %d would",
            plan.training.batch,
            counted(fitting, "sample"),
            fitting,
        )
    begun = time.monotonic()
    refuse_links(folder / "tensorboard", folder)
    if not (folder / STATE).is_file():  # curves of a training before this one
        for old in (folder / "tensorboard").glob("events.*"):
            old.unlink()
    with local_folder(folder / "tensorboard") as events, SummaryWriter(str(events)) as writer:
        options = FitOptions(run.protocol == "paper", folder, plan.provenance.key, programs)
        log = partial(_log, writer)
        training = fit(head, samples, plan.training, evaluate, options, log)
    assert training.best is not None, "an epoch ends with an evaluation"
    seconds = time.monotonic() - begun
    head.eval()
    scorer.set_text(head.class_texts())
    figures = score_metrics(_scored(plan, plan.load_test(), compiled or scorer)) | {
        "selection": training.best.metric,
        "samples": float(len(samples)),
        "steps": float(training.step),
    }
    # The time stays out of the checkpoint: the same training is to be the same bytes.
    covered = asdict(coverage_of(plan.catalog))
    text = json.dumps(figures | {"seconds": seconds, "test_videos": covered}, indent=1)
    commit_text(folder / "metrics.json", f"{text}\n")
    save_checkpoint(folder, make_checkpoint(plan, head, figures))  # last: it says that all is there
    (folder / STATE).unlink(missing_ok=True)
    return _report(folder, plan, figures, trained=True, seconds=seconds)


def untrained_metrics(run: TrainRun) -> dict[str, float]:
    """Return the test split's figures by a head as initialised; errors are those of ``train``."""
    plan = make_plan(run)
    scorer = build_head(plan, device_named("cpu")).eval().scorer(plan.temperatures)
    return score_metrics(_scored(plan, plan.load_test(), scorer))


def _protocol(
    plan: Plan, scorer: SegmentScorer, compiled: CompiledScorer | None, device: torch.device
) -> tuple[Callable[[Head], Selection], TrainingSet]:
    """Return what chooses the weights, and the samples that are left to train on."""
    dataset, metric = plan.dataset, plan.training.metric
    videos = videos_of(plan.catalog, "train")
    if plan.provenance.protocol == "paper":
        test = plan.load_test()

        def evaluate_on_test(head: Head) -> Selection:
            scorer.set_text(head.class_texts())
            split = _scored(plan, test, compiled or scorer)
            return Selection(frame_metric(split, metric, fine=head.selects_by_fine))

        return evaluate_on_test, _samples(plan, videos, device)
    held = held_out_videos(
        [video.item.labels for video in videos],
        [video.item.group for video in videos],
        dataset.classes[0],
        plan.training.seed,
    )
    kept = [v for i, v in enumerate(videos) if i not in held]
    aside = [v for i, v in enumerate(videos) if i in held]
    held_set = _samples(plan, aside, device, crop=dataset.test_crop)

    def evaluate_on_held_out(head: Head) -> Selection:
        scorer.set_text(head.class_texts())
        return video_selection(scorer, held_set, metric, fine=head.selects_by_fine)

    return evaluate_on_held_out, _samples(plan, kept, device)


def _scored(plan: Plan, test: list[VideoFeatures], scorer: WindowScorer) -> ScoredSplit:
    dataset = plan.dataset
    scores = list(score_features(scorer, test, dataset.test_crop))
    return ScoredSplit(test, scores, dataset.classes, dataset.normal_is_event)


def _samples(
    plan: Plan, videos: list[ShardVideo], device: torch.device, crop: int | None = None
) -> TrainingSet:
    """Return a sample for each crop of each video, or for one crop, on the device."""
    count = len(videos) if crop is not None else sum(video.crops for video in videos)
    window, classes = plan.model.window, plan.dataset.classes
    return training_set(read_videos(videos, crop), count, window, classes).to(device)


def _log(writer: SummaryWriter, step: StepReport, selection: Selection | None) -> None:
    if step.step % _LOG_EVERY == 0:
        for name, term in step.terms.values.items():
            writer.add_scalar(f"loss/{name}", float(term), step.step)
        writer.add_scalar("loss/total", float(step.total), step.step)
        for name, rate in step.rates.items():
            writer.add_scalar(f"rate/{name}", rate, step.step)
    if selection is not None:
        writer.add_scalar("selection/metric", selection.metric, step.step)
        writer.add_scalar("selection/likelihood", selection.likelihood, step.step)
