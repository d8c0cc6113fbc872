import numpy as np
import pytest

from model.evaluation.alarm_rates import alarm_rates, runs_of


def test_the_golden_figures(golden_case):
    truths, scores, figures = golden_case
    rates = alarm_rates(truths, scores, 0.5)
    assert rates.normal == pytest.approx(figures["far_normal@0.5"], abs=1e-12)
    assert rates.normal_above == pytest.approx(figures["far_normal>0.5"], abs=1e-12)
    assert rates.every == pytest.approx(figures["far_all@0.5"], abs=1e-12)
    assert rates.anomalous == pytest.approx(figures["far_abnormal@0.5"], abs=1e-12)
    assert rates.videos == pytest.approx(figures["normal_videos_with_alarm@0.5"], abs=1e-12)
    normal = [len(truth) for truth in truths if not truth.any()]
    assert rates.normal_videos == len(normal)
    hours = sum(normal) / 30 / 3600
    hourly = figures["false_events_per_hour_normal@0.5"]
    assert rates.events / hours == pytest.approx(hourly, rel=1e-12)


def test_a_share_of_nothing_is_none():
    rates = alarm_rates([np.ones(3, dtype=bool)], [np.full(3, 0.9)], 0.5)
    assert (rates.normal, rates.every, rates.anomalous, rates.videos) == (None,) * 4
    assert (rates.normal_videos, rates.events) == (0, 0)


def test_runs_at_both_ends_count():
    assert runs_of(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == [(0, 2), (3, 4), (6, 7)]
    assert runs_of(np.zeros(0, dtype=bool)) == []
