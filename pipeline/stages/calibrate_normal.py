"""Calibration on scored footage of which is only known that nothing happened.

Every event in it is a false alarm, so that it says how many an hour a threshold costs, and nothing
of what it finds. Temperature and rule stay those of the scores, but for the threshold.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.checkpoint import Checkpoint, load_checkpoint
from model.evaluation.normal_footage import (
    AlarmSpans,
    alarm_spans,
    lowest_threshold,
    poisson_interval,
)
from model.scoring.events import find_breaks, find_runs, shown_seconds
from pipeline.options import EventOptions
from pipeline.outputs import Outputs
from pipeline.stages.calibrate import CalibrateReport, install, with_doubts
from pipeline.stages.scoring_plan import resolve_rule
from stores.calibration import Calibration
from stores.records import EventRule, StoreError, VideoItem, VideoScores
from stores.scores.parts import folder_header
from stores.scores.reader import read_scores, read_videos
from stores.scores.schema import ScoreHeader

if TYPE_CHECKING:
    from pipeline.commands.calibrate import CalibrateRun

_ALARMED = 0.1  # of the footage, at most: what alarms for longer than that is no alarm
_MOMENTS = 5  # that are named, for somebody to look at


@dataclass(frozen=True, slots=True)
class Moment:
    """A place where the score is high: its peak, the video and the seconds into it."""

    peak: float
    video_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NormalReport:
    """A calibration on normal footage and how many alarms it leaves there.

    ``moments`` are the highest of the footage; ``shortfall`` says that it is too short for the rate
    that was asked for, and is empty where it is not.
    """

    report: CalibrateReport
    alarms: int
    moments: tuple[Moment, ...]
    shortfall: str


def calibrate_normal(run: CalibrateRun) -> NormalReport:
    """Choose the threshold on the scores in ``run.normal``; commit it as ``calibrate`` does.

    Raises:
        StoreError: No scores or checkpoint, scores of another model, or a folder not writable.
        ValueError: Options for labelled videos, or no threshold with so few alarms.
    """
    folder = _folder(run)
    checkpoint_path = run.checkpoint or Outputs(run.out).latest_checkpoint()
    checkpoint = load_checkpoint(checkpoint_path)
    header = folder_header(folder)
    _check_model(folder, header, checkpoint_path, checkpoint)
    base = resolve_rule(
        EventOptions(release=run.release, minimum_frames=run.minimum_frames), header
    )
    rate = 1.0 if run.false_alarms_per_hour is None else float(run.false_alarms_per_hour)
    spans, seconds, frames = [], 0.0, 0
    for scores in _footage(folder):
        spans.append(alarm_spans(scores.score, base, find_breaks(scores, base)))
        seconds += shown_seconds(scores.times, base.longest_gap)
        frames += len(scores.score)
    hours = seconds / 3600
    if hours <= 0:
        raise StoreError(f"{folder} holds no scored footage of any length; score some videos")
    threshold, bound = lowest_threshold(
        AlarmSpans.joined(spans), int(rate * hours + 1e-9), _ALARMED * frames
    )
    rule = replace(base, threshold=threshold)
    alarms, moments = _look(folder, rule, replace(base, threshold=bound))
    made = Calibration(
        model_fingerprint=checkpoint.fingerprint,
        dataset=str(folder),
        split="normal",
        videos=len(spans),
        hours=hours,
        events=0,
        chosen_by=f"{rate:g} false alarms per hour or fewer",
        rule=rule,
        temperature=header.score_temperature,
        recall=None,
        false_alarms_per_hour=alarms / hours,
        error_before=None,
        error_after=None,
        unseen={},
        interval=poisson_interval(alarms, hours),
    )
    report = install(checkpoint_path, with_doubts(made), run)
    return NormalReport(report, alarms, moments, _shortfall(rate, hours))


def _folder(run: CalibrateRun) -> Path:
    """Return the folder of scores; a ValueError names an option that is for labelled videos."""
    assert run.normal is not None, "called with normal footage"
    if run.recall is not None:
        raise ValueError(
            "--recall needs true events, and --normal is footage without any; give "
            "--false-alarms-per-hour"
        )
    if run.dataset is not None:
        raise ValueError("--normal and --dataset are two kinds of footage; give one of them")
    return run.normal


def _check_model(folder: Path, header: ScoreHeader, path: Path, checkpoint: Checkpoint) -> None:
    if header.model_fingerprint != checkpoint.fingerprint:
        raise StoreError(
            f"{folder} holds scores of another model ({header.model_fingerprint}) than {path} "
            f"({checkpoint.fingerprint}); give --checkpoint, the folder that made these scores"
        )


def _footage(folder: Path) -> Iterator[VideoScores]:
    """Yield the scores of every video of a folder, one held at a time."""
    scored = [row for row in read_videos(folder) if row.status != "failed"]
    return read_scores(folder, [VideoItem(row.video_id, row.path) for row in scored])


def _look(folder: Path, rule: EventRule, lower: EventRule) -> tuple[int, tuple[Moment, ...]]:
    """Return how many events the rule finds, and the highest moments that it or a lower one finds.

    Far down, one event of the lower rule may hold several of the rule.
    """
    alarms, moments = 0, []
    for scores in _footage(folder):
        found = find_runs(scores.score, rule, find_breaks(scores, rule))
        alarms += len(found)
        peaks = {_peak(scores, run) for run in found}
        peaks |= {
            _peak(scores, r) for r in find_runs(scores.score, lower, find_breaks(scores, lower))
        }
        for at in peaks:
            peak, seconds = float(scores.score[at]), float(scores.times[at])
            moments.append(Moment(peak, scores.item.video_id, seconds))
    return alarms, tuple(heapq.nlargest(_MOMENTS, moments, key=lambda moment: moment.peak))


def _peak(scores: VideoScores, run: tuple[int, int]) -> int:
    """Return the frame of the first peak of a run."""
    return run[0] + int(scores.score[run[0] : run[1]].argmax())


def _shortfall(rate: float, hours: float) -> str:
    """Return that so many hours cannot tell a rate, and how many could; empty where they can."""
    most = poisson_interval(0, hours)[1]
    if most <= rate:
        return ""
    enough = (
        f"; it takes {most * hours / rate:,.1f} hours" if rate else "; no length of footage can"
    )
    return (
        f"{hours:,.2f} hours are too short to tell {rate:g} false alarms per hour: even none in "
        f"them leaves up to {most:.2f} per hour (95 % confidence){enough}"
    )
