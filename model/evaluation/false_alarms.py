"""False alarms per hour against recall: what a threshold costs a person who looks at every alarm.

An alarm is an event as scoring makes it, so hysteresis and minimum length count. One that touches
no true event is false; a true event that an alarm touches is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    scores: Sequence[NDArray[np.floating[Any]]],
    truths: Sequence[Sequence[Event]],
    hours: float,
    rule: EventRule,
    points: int = 100,
) -> list[AlarmPoint]:
    """Return the trade-off at up to ``points`` thresholds, the lowest first.

    Thresholds are quantiles of the peaks that videos' scores reach and of the scores themselves, so
    that a model whose scores lie close together is resolved as well.

    Args:
        scores: Score [F] of each video.
        truths: The true anomalies of each video.
        hours: Duration of all videos together.
        rule: How a score becomes events; its threshold is varied.
        points: Thresholds to try, at most.

    Raises:
        ValueError: There is no true event, or no duration.
    """
    events = sum(len(own) for own in truths)
    if events == 0 or hours <= 0:
        raise ValueError(f"got {events} true events in {hours} hours, expected some of both")
    every = np.concatenate([*scores, [float(s.max()) for s in scores]])
    thresholds = np.unique(np.quantile(every, np.linspace(0, 1, points)))
    return [
        alarm_point(scores, truths, hours, replace(rule, threshold=float(threshold)))
        for threshold in thresholds
    ]


def alarm_point(
    scores: Sequence[NDArray[np.floating[Any]]],
    truths: Sequence[Sequence[Event]],
    hours: float,
    rule: EventRule,
) -> AlarmPoint:
    """Return what one rule gives.

    Raises:
        ValueError: There is no true event, or no duration.
    """
    events = sum(len(own) for own in truths)
    if not events or hours <= 0:
        raise ValueError(f"got {events} true events in {hours:g} hours, expected some of both")
    alarms = false = found = 0
    for score, truth in zip(scores, truths, strict=True):
        runs = find_runs(score, rule)
        alarms += len(runs)
        false += sum(not any(_touch(run, event) for event in truth) for run in runs)
        found += sum(any(_touch(run, event) for run in runs) for event in truth)
    return AlarmPoint(
        threshold=rule.threshold,
        recall=found / events,
        alarms_per_hour=alarms / hours,
        false_alarms_per_hour=false / hours,
    )


def _touch(run: tuple[int, int], event: Event) -> bool:
    return run[0] < event.end and event.start < run[1]
