"""Calibration of a checkpoint on a data set with frame truth: temperature, then threshold.

Only test splits have frame truth, so that is what it is chosen on, and it says so. How it does on
videos that had no say is reckoned by halves: each is judged by what the other would have chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.checkpoint import Checkpoint, load_checkpoint
from model.device import device_named
from model.evaluation.calibration import (
    calibration_error,
    fit_temperature,
    tempered,
    threshold_for_alarms,
    threshold_for_recall,
)
from model.evaluation.false_alarms import AlarmPoint, alarm_curve, alarm_point
from model.evaluation.metrics import Scores
from model.evaluation.summary import anomalies_of, counted_frames, hours_of, truths_of
from model.scoring.videos import scorer_of
from pipeline.outputs import require_positive, require_share
from pipeline.settings import CalibrateRun, EventOptions
from pipeline.stages.evaluate import latest_checkpoint
from pipeline.stages.scoring_plan import settle_rule
from stores.calibration import Calibration, save_calibration
from stores.features.feature_set import dataset_named, load_test, open_features
from stores.records import EventRule, VideoFeatures

_POINTS = 200  # thresholds that are tried
_ALARMS = 1.0  # false alarms per hour, where nothing is asked for

Choice = Callable[[Sequence[AlarmPoint]], AlarmPoint]


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """A calibration and the file that it was written to."""

    calibration: Calibration
    checkpoint: Path
    file: Path


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Scored videos with their truth, and what a threshold is chosen by."""

    videos: Sequence[VideoFeatures]
    scores: Sequence[Scores]
    normal: str
    rule: EventRule
    choice: Choice
    with_temperature: bool

    def part(self, numbers: Sequence[int]) -> _Labelled:
        """Return some of the videos."""
        return replace(
            self,
            videos=[self.videos[n] for n in numbers],
            scores=[self.scores[n] for n in numbers],
        )

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Which frames of all videos are anomalous."""
        return np.concatenate(truths_of(self.videos, self.normal))


def calibrate(run: CalibrateRun) -> CalibrateReport:
    """Calibrate a checkpoint and commit ``calibration.json`` beside it.

    Raises:
        StoreError: No checkpoint or features, or a test split without truth.
        ValueError: Both or unreachable targets, options out of range, or no true event.
    """
    choice, told = _choice(run)
    path = run.checkpoint or latest_checkpoint(run.out)
    folder = path.parent if path.is_file() else path
    checkpoint = load_checkpoint(path)
    dataset = dataset_named(run.out, run.dataset or checkpoint.provenance.dataset)
    test = load_test(
        open_features(run.out, dataset),
        checkpoint.provenance.shard_recipe,
        checkpoint.provenance.test_crop,
    )
    normal = checkpoint.provenance.classes[0]
    raw = _scores(checkpoint, test, run, None)
    truth = np.concatenate(truths_of(test, normal))
    temperature = fit_temperature(truth, np.concatenate(raw)) if run.temperature else None
    scores = _scores(checkpoint, test, run, temperature)
    rule = settle_rule(EventOptions(release=run.release, minimum_frames=run.minimum_frames))
    labelled = _Labelled(test, raw, normal, rule, choice, run.temperature)
    anomalies, hours = anomalies_of(test, normal), hours_of(test)
    point = choice(alarm_curve(scores, anomalies, hours, rule, _POINTS))
    calibration = Calibration(
        model_fingerprint=checkpoint.fingerprint,
        dataset=dataset.name,
        split="test",
        videos=len(test),
        hours=hours,
        events=sum(map(len, anomalies)),
        chosen_by=told,
        rule=replace(rule, threshold=point.threshold),
        temperature=temperature,
        recall=point.recall,
        false_alarms_per_hour=point.false_alarms_per_hour,
        error_before=calibration_error(truth, np.concatenate(raw)),
        error_after=calibration_error(truth, np.concatenate(scores)),
        unseen=_unseen(labelled),
    )
    return CalibrateReport(calibration, path, save_calibration(folder, calibration))


def _choice(run: CalibrateRun) -> tuple[Choice, str]:
    """Return how the threshold is chosen, as a function and in words."""
    alarms, recall = run.false_alarms_per_hour, run.recall
    require_positive(minimum_frames=run.minimum_frames)
    require_share(release=run.release, recall=recall)
    if alarms is not None and recall is not None:
        raise ValueError("give --false-alarms-per-hour or --recall: one threshold cannot do both")
    if recall is not None:
        least = float(recall)
        return lambda curve: threshold_for_recall(curve, least), f"recall of {recall:g} or more"
    most = _ALARMS if alarms is None else float(alarms)
    if most < 0:
        raise ValueError(f"--false-alarms-per-hour has to be 0 or more, got {most:g}")
    told = f"{most:g} false alarms per hour or fewer"
    return lambda curve: threshold_for_alarms(curve, most), told


def _scores(
    checkpoint: Checkpoint,
    test: Sequence[VideoFeatures],
    run: CalibrateRun,
    temperature: float | None,
) -> list[Scores]:
    """Return the score of each video's counted frames, as `score` would make it."""
    scorer = scorer_of(checkpoint, device_named(run.device), temperature)
    counted = counted_frames(test)
    return [scorer.score(v).score[:n] for v, n in zip(test, counted, strict=True)]


def _unseen(labelled: _Labelled) -> dict[str, float]:
    """Return the figures of each half under the other half's choice; nothing where one cannot."""
    anomalies = anomalies_of(labelled.videos, labelled.normal)
    order = sorted(range(len(labelled.videos)), key=lambda number: bool(anomalies[number]))
    first, second = labelled.part(order[0::2]), labelled.part(order[1::2])
    try:
        judged = [_judge(first, second), _judge(second, first)]
    except ValueError:  # a half without an event, or in which the target is out of reach
        return {}
    frames, events, hours = (
        np.array([of_half(second), of_half(first)], dtype=np.float64)
        for of_half in (_frames, _events, _hours)
    )
    error, recall, alarms = np.array(judged).T
    return {
        "error": float(np.average(error, weights=frames)),
        "recall": float(np.average(recall, weights=events)),
        "false_alarms_per_hour": float(np.average(alarms, weights=hours)),
    }


def _frames(labelled: _Labelled) -> int:
    return labelled.truth.size


def _events(labelled: _Labelled) -> int:
    return sum(map(len, anomalies_of(labelled.videos, labelled.normal)))


def _hours(labelled: _Labelled) -> float:
    return hours_of(labelled.videos)


def _judge(chosen_on: _Labelled, unseen: _Labelled) -> tuple[float, float, float]:
    """Return error, recall and false alarms of videos under what others choose."""
    temperature = 1.0
    if chosen_on.with_temperature:
        temperature = fit_temperature(chosen_on.truth, np.concatenate(chosen_on.scores))
    theirs, ours = (
        [tempered(score, temperature) for score in half.scores] for half in (chosen_on, unseen)
    )
    normal, rule = chosen_on.normal, chosen_on.rule
    anomalies, hours = anomalies_of(chosen_on.videos, normal), hours_of(chosen_on.videos)
    threshold = chosen_on.choice(alarm_curve(theirs, anomalies, hours, rule, _POINTS)).threshold
    point = alarm_point(
        ours,
        anomalies_of(unseen.videos, normal),
        hours_of(unseen.videos),
        replace(rule, threshold=threshold),
    )
    error = calibration_error(unseen.truth, np.concatenate(ours))
    return error, point.recall, point.false_alarms_per_hour
