import numpy as np
import pytest

from model.evaluation.false_alarms import alarm_curve
from stores.records import Event, EventRule

RULE = EventRule(release=1.0)


def test_alarms_and_recall_are_counted_by_touch():
    score = np.zeros(320)
    score[32:64] = 0.9  # touches the true event
    score[160:200] = 0.6  # false
    curve = alarm_curve([score], [[Event(60, 100, "a"), Event(250, 260, "a")]], 0.5, RULE)
    by_threshold = {point.threshold: point for point in curve}
    top = by_threshold[0.9]
    assert (top.recall, top.alarms_per_hour, top.false_alarms_per_hour) == (0.5, 2.0, 0.0)
    middle = by_threshold[0.6]
    assert (middle.recall, middle.alarms_per_hour, middle.false_alarms_per_hour) == (0.5, 4.0, 2.0)
    everything = by_threshold[0.0]
    assert (everything.recall, everything.alarms_per_hour) == (1.0, 2.0)


def test_thresholds_resolve_scores_that_lie_close_together():
    random = np.random.default_rng(0)
    scores = [0.5 + 1e-4 * random.random(64) for _ in range(9)]
    curve = alarm_curve(scores, [[Event(0, 16, "a")]] * 9, 1.0, RULE)
    assert len(curve) > 50
    assert [p.threshold for p in curve] == sorted(p.threshold for p in curve)


def test_without_events_or_duration_there_is_no_curve():
    with pytest.raises(ValueError, match="got 0 true events"):
        alarm_curve([np.zeros(9)], [[]], 1.0, RULE)
    with pytest.raises(ValueError, match=r"in 0\.0 hours"):
        alarm_curve([np.zeros(9)], [[Event(0, 3, "a")]], 0.0, RULE)


def test_an_alarm_ends_where_the_footage_breaks_off():
    score = np.full(320, 0.9)
    truth = [Event(60, 100, "a")]
    (whole,) = alarm_curve([score], [truth], 1.0, RULE, points=1)
    (broken,) = alarm_curve([score], [truth], 1.0, RULE, points=1, breaks=[[160]])
    assert (whole.alarms_per_hour, whole.false_alarms_per_hour) == (1.0, 0.0)
    assert (broken.alarms_per_hour, broken.false_alarms_per_hour) == (2.0, 1.0)
