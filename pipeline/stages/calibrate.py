"""Calibration of a checkpoint on a data set with frame truth: temperature, then threshold.

Only test splits have frame truth, so that is what it is chosen on, and it says so. How it does on
unseen videos is estimated by halves, each calibrated by the other. What is worth little is not
installed unless somebody wants it.
"""

from __future__ import annotations

from contextlib import suppress
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
from stores.calibration import FILE, Calibration, load_calibration, save_calibration
from stores.files.hashes import read_hashes
from stores.records import StoreError

if TYPE_CHECKING:
    from pipeline.commands.calibrate import CalibrateRun


_MOST_ALARMS = 60.0  # false ones an hour: one a minute, which nobody looks at


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """A calibration and its file; it was not written where ``against`` says why and what to do."""

    calibration: Calibration
    checkpoint: Path
    file: Path
    against: tuple[str, ...]


def calibrate(run: CalibrateRun) -> CalibrateReport:
    """Calibrate a checkpoint and commit ``calibration.json`` beside it, if it is worth that.

    Raises:
        StoreError: As for ``load_test_split``, or the folder cannot be written or is an export.
        ValueError: Both or unreachable targets, or no true event.
    """
    choice, chosen_by = _choice(run)
    test = load_test_split(run)
    folder = test.path.parent if test.path.is_file() else test.path
    refuse_export(folder)
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
    return install(test.path, with_doubts(calibration), run)


def refuse_export(folder: Path) -> None:
    """Raise StoreError where a checkpoint's folder is an export."""
    if read_hashes(folder) is not None:
        raise StoreError(
            f"{folder} is an export, whose hashes a calibration would break; calibrate what it was "
            "made of and export that again"
        )


def with_doubts(made: Calibration) -> Calibration:
    """Return a calibration with all that makes it worth little, one sentence each."""
    doubts = []
    most = max(made.false_alarms_per_hour, made.unseen.get("false_alarms_per_hour", 0.0))
    if most > _MOST_ALARMS:
        doubts.append(f"{most:.0f} false alarms per hour are more than anybody looks at")
    before, after = made.error_before, made.error_after
    if made.temperature is not None and before is not None and after is not None:
        for error, where in ((after, ""), (made.unseen.get("error", 0.0), " on unseen videos")):
            if error > before:
                doubts.append(
                    f"the temperature makes the calibration error worse: {before:.4f} before, "
                    f"{error:.4f} after{where}; --no-temperature leaves scores alone"
                )
                break
    return replace(made, doubts=tuple(doubts))


def install(checkpoint: Path, made: Calibration, run: CalibrateRun) -> CalibrateReport:
    """Commit a calibration beside a checkpoint, unless there is something against it.

    Raises:
        StoreError: The folder cannot be written.
    """
    folder = checkpoint.parent if checkpoint.is_file() else checkpoint
    refuse_export(folder)
    against = []
    if made.doubts and not run.force:
        against.append("it is worth little; --force installs it nevertheless")
    if made.split != "test" and not run.replace and _is_labelled(folder, made.model_fingerprint):
        against.append(
            f"{folder / FILE} is of a labelled test split, which says more than footage in which "
            "nothing happened; --replace installs this one in its place"
        )
    if not against:
        save_calibration(folder, made)
    return CalibrateReport(made, checkpoint, folder / FILE, tuple(against))


def _is_labelled(folder: Path, fingerprint: str) -> bool:
    """Return whether a checkpoint's own calibration, of labelled videos, lies there."""
    with suppress(StoreError):  # calibrating again is the remedy for a damaged one
        there = load_calibration(folder)
        if there is not None:
            return there.split == "test" and there.model_fingerprint == fingerprint
    return False


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
