from itertools import permutations

import numpy as np
import pytest

from model.evaluation.alarm_rates import runs_of
from model.evaluation.event_level import match_events


def test_the_golden_figures(golden_case):
    truths, scores, figures = golden_case
    found = match_events(truths, scores, 0.5, [30.0] * len(truths))
    assert found.events == figures["events"]
    assert len(found.delays) == figures["events_detected@0.5"]
    assert found.delays.mean() == pytest.approx(figures["mean_delay_frames@0.5"], abs=1e-12)
    assert found.seconds.mean() == pytest.approx(found.delays.mean() / 30)
    for iou in (0.1, 0.2, 0.3, 0.4, 0.5):
        assert found.counts(iou) == tuple(figures[f"event_counts@{iou}"])
        assert found.f1(iou) == pytest.approx(figures[f"event_f1@{iou}"], abs=1e-12)


def frames(*stretches, length=100):
    found = np.zeros(length, dtype=bool)
    for start, end in stretches:
        found[start:end] = True
    return found


def most_pairs(truth, alarm, collar):
    """The most one-to-one pairs within a collar, by trying all of them."""
    true, found = runs_of(truth), runs_of(alarm)
    if len(true) > len(found):
        true, found = found, true
    pairings = (zip(true, chosen, strict=True) for chosen in permutations(found, len(true)))
    return max(
        sum(abs(a - c) <= collar and abs(b - d) <= collar for (a, b), (c, d) in pairs)
        for pairs in pairings
    )


def test_both_ends_have_to_lie_within_the_collar():
    truth = frames((10, 30), (60, 80))
    score = np.where(frames((12, 33), (60, 92)), 0.9, 0.1)
    found = match_events([truth], [score], 0.5, [10.0], collars=(0.2, 0.3, 1.2))
    assert found.within == {0.2: 0, 0.3: 1, 1.2: 2}
    assert found.f1_within(0.3) == pytest.approx(0.5)


def test_pairs_within_a_collar_are_as_many_as_there_can_be():
    random = np.random.default_rng(3)
    for _ in range(60):
        truth, alarm = (np.repeat(random.random(14) < 0.4, 3) for _ in range(2))
        if truth.any() and alarm.any() and len(runs_of(truth)) < 6 and len(runs_of(alarm)) < 6:
            found = match_events([truth], [alarm.astype(float)], 0.5, [1.0], collars=(3.0, 6.0))
            for collar in (3.0, 6.0):
                assert found.within[collar] == most_pairs(truth, alarm, collar)


def test_an_event_is_detected_by_an_alarm_inside_it_and_not_by_a_later_one():
    truth = frames((10, 30), (60, 80))
    score = np.where(frames((5, 8), (30, 60), (71, 90)), 0.9, 0.1)
    found = match_events([truth], [score], 0.5, [5.0])
    assert found.delays.tolist() == [11.0]
    assert found.seconds.tolist() == [2.2]


def test_without_an_alarm_all_is_missed():
    found = match_events([frames((1, 3))], [np.zeros(100)], 0.5, [5.0], collars=(1.0,))
    assert found.counts(0.1) == (0, 0, 1)
    assert (found.f1(0.1), found.f1_within(1.0), len(found.delays)) == (0.0, 0.0, 0)
