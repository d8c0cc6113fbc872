import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.calibration import (
    calibration_error,
    fit_temperature,
    tempered,
    threshold_for_alarms,
    threshold_for_recall,
)
from model.evaluation.false_alarms import AlarmPoint


def drawn(temperature, count=200_000):
    """Frames whose true probability is known, and scores that are too sure by a temperature."""
    random = np.random.default_rng(3)
    logits = random.normal(scale=2.0, size=count)
    truth = random.random(count) < 1 / (1 + np.exp(-logits))
    return truth, 1 / (1 + np.exp(-logits * temperature))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoilt_the_scores_is_found(temperature):
    truth, score = drawn(temperature)
    assert fit_temperature(truth, score) == pytest.approx(temperature, rel=0.02)
    honest = tempered(score, fit_temperature(truth, score))
    assert calibration_error(truth, honest) < 0.01
    if temperature != 1.0:
        assert calibration_error(truth, score) > 0.05


def test_the_error_is_that_of_the_definition():
    truth = np.array([True, False, False, True])
    score = np.array([0.9, 0.9, 0.1, 0.1])  # two bins: 0.9 said and 0.5 true, 0.1 said and 0.5 true
    assert calibration_error(truth, score) == pytest.approx(0.4)
    assert calibration_error(truth, truth.astype(float)) == 0.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50), st.floats(0.05, 20))
def test_a_temperature_changes_no_ranking_and_moves_nothing_over_one_half(values, temperature):
    score = np.array(values)
    made = tempered(score, temperature)
    order = np.argsort(score, kind="stable")
    assert (np.diff(made[order]) >= 0).all()
    assert ((made >= 0.5) == (score >= 0.5)).all()


def curve(*points):
    return [AlarmPoint(t, recall, 0.0, false) for t, recall, false in points]


def test_the_lowest_threshold_with_few_false_alarms_lies_above_the_turn():
    points = curve((0.1, 1.0, 0.0), (0.2, 0.9, 7.0), (0.5, 0.8, 1.0), (0.7, 0.6, 0.5))
    assert threshold_for_alarms(points, 1.0).threshold == 0.5
    assert threshold_for_alarms(points, 9.0).threshold == 0.1
    with pytest.raises(ValueError, match=r"no threshold has 0\.1 false alarms .* 0\.50; allow"):
        threshold_for_alarms(points, 0.1)


def test_the_highest_threshold_with_the_recall_is_taken():
    points = curve((0.1, 0.8, 9.0), (0.5, 0.8, 1.0), (0.7, 0.6, 0.5))
    assert threshold_for_recall(points, 0.8).threshold == 0.5
    assert threshold_for_recall(points, 0.1).threshold == 0.7
    with pytest.raises(ValueError, match=r"finds 90 % of the events: 80\.0 % is the most"):
        threshold_for_recall(points, 0.9)
