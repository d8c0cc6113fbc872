"""False alarms per hour against recall: what a threshold costs a person who looks at every alarm.

An alarm is an event as scoring makes it, so hysteresis and minimum length count. One that touches
no true event is false; a true event that an alarm touches is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.evaluation.metrics import Scores
from model.scoring.events import find_runs
from stores.records import Event, EventRule


@dataclass(frozen=True, slots=True)
class AlarmPoint:
    """What a threshold gives: recall of events in [0, 1], alarms and false alarms per hour."""

    threshold: float
    recall: float
    alarms_per_hour: float
    false_alarms_per_hour: float


def alarm_curve(
    scores: Sequence[Scores],
    truths: Sequence[Sequence[Event]],
    hours: float,
    rule: EventRule,
    points: int = 100,
    *,
    breaks: Sequence[Sequence[int]] | None = None,
) -> list[AlarmPoint]:
    """Return the trade-off at up to ``points`` thresholds, the lowest first.

    Thresholds are quantiles of the peaks that videos' scores reach and of the scores themselves, so
    that a model whose scores lie close together is resolved as well. Arguments and errors are those
    of :func:`alarm_point`, but that the rule's threshold is varied.
    """
    every = np.concatenate([*scores, [float(s.max()) for s in scores]])
    thresholds = np.unique(np.quantile(every, np.linspace(0, 1, points)))
    rules = [replace(rule, threshold=float(threshold)) for threshold in thresholds]
    return [alarm_point(scores, truths, hours, each, breaks=breaks) for each in rules]


def alarm_point(
    scores: Sequence[Scores],
    truths: Sequence[Sequence[Event]],
    hours: float,
    rule: EventRule,
    *,
    breaks: Sequence[Sequence[int]] | None = None,
) -> AlarmPoint:
    """Return what one rule gives.

    Args:
        scores: Score [F] of each video.
        truths: The true anomalies of each video.
        hours: Duration of what all videos together show, without gaps.
        rule: How a score becomes events.
        breaks: Where the footage of each video breaks off; nowhere by default.

    Raises:
        ValueError: There is no true event, or no duration.
    """
    events = sum(map(len, truths))
    if not events or hours <= 0:
        raise ValueError(f"got {events} true events in {hours} hours, expected some of both")
    alarms = false = found = 0
    for score, truth, own in zip(scores, truths, breaks or [()] * len(scores), strict=True):
        runs = find_runs(score, rule, own)
        alarms += len(runs)
        false += sum(not any(touch(run, event) for event in truth) for run in runs)
        found += sum(any(touch(run, event) for run in runs) for event in truth)
    return AlarmPoint(rule.threshold, found / events, alarms / hours, false / hours)


def touch(run: tuple[int, int], event: Event) -> bool:
    """Return whether a half-open run of frames and an event share a frame."""
    return run[0] < event.end and event.start < run[1]
