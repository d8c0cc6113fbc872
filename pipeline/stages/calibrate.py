"""Calibration of a checkpoint on a data set with frame truth: temperature, then threshold.

Only test splits have frame truth, so that is what it is chosen on, and it says so. How it does on
unseen videos is estimated by halves, each calibrated by the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.evaluation.calibration import (
    Choice,
    LabelledSplit,
    cross_validated,
    threshold_for_alarms,
    threshold_for_recall,
)
from model.evaluation.summary import ScoredSplit
from pipeline.options import EventOptions
from pipeline.stages.scoring_plan import resolve_rule
from pipeline.stages.split import load_test_split
from stores.calibration import Calibration, save_calibration

if TYPE_CHECKING:
    from pipeline.commands.calibrate import CalibrateRun


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """A calibration and the file that it was written to."""

    calibration: Calibration
    checkpoint: Path
    file: Path


def calibrate(run: CalibrateRun) -> CalibrateReport:
    """Calibrate a checkpoint and commit ``calibration.json`` beside it.

    Raises:
        StoreError: As for ``load_test_split``, or the folder cannot be written.
        ValueError: Both or unreachable targets, or no true event.
    """
    choice, chosen_by = _choice(run)
    test = load_test_split(run)
    raw = _labelled(test.scored(run.device))
    temperature = raw.fit_temperature() if run.temperature else None
    calibrated = _labelled(test.scored(run.device, temperature))
    rule = resolve_rule(EventOptions(release=run.release, minimum_frames=run.minimum_frames))
    point = calibrated.choose(choice, rule)
    calibration = Calibration(
        model_fingerprint=test.checkpoint.fingerprint,
        dataset=test.dataset.name,
        split="test",
        videos=len(test.videos),
        hours=raw.hours,
        events=sum(map(len, raw.anomalies)),
        chosen_by=chosen_by,
        rule=replace(rule, threshold=point.threshold),
        temperature=temperature,
        recall=point.recall,
        false_alarms_per_hour=point.false_alarms_per_hour,
        error_before=raw.calibration_error(),
        error_after=calibrated.calibration_error(),
        unseen=cross_validated(raw, choice, rule, with_temperature=run.temperature),
    )
    folder = test.path.parent if test.path.is_file() else test.path
    return CalibrateReport(calibration, test.path, save_calibration(folder, calibration))


def _choice(run: CalibrateRun) -> tuple[Choice, str]:
    """Return how the threshold is chosen, as a function and in words."""
    alarms, recall = run.false_alarms_per_hour, run.recall
    if alarms is not None and recall is not None:
        raise ValueError("give --false-alarms-per-hour or --recall: one threshold cannot do both")
    if recall is not None:
        least = float(recall)
        return lambda curve: threshold_for_recall(curve, least), f"recall of {recall:g} or more"
    most = 1.0 if alarms is None else float(alarms)
    words = f"{most:g} false alarms per hour or fewer"
    return lambda curve: threshold_for_alarms(curve, most), words


def _labelled(split: ScoredSplit) -> LabelledSplit:
    return LabelledSplit(
        scores=split.counted_scores,
        truths=split.truths,
        anomalies=split.anomalies,
        seconds=split.seconds,
        breaks=split.breaks,
    )
