from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.normal_footage import (
    AlarmSpans,
    alarm_spans,
    lowest_threshold,
    poisson_interval,
)
from model.scoring.events import find_runs
from stores.records import EventRule

LEVELS = [number / 16 for number in range(17)]  # of float32 as of float64


@st.composite
def footage(draw):
    """Scores with many ties, as rows of segments, and where they break off."""
    runs = draw(
        st.lists(st.tuples(st.sampled_from(LEVELS), st.integers(1, 20)), min_size=1, max_size=12)
    )
    score = np.repeat([value for value, _ in runs], [length for _, length in runs])
    breaks = draw(st.sets(st.integers(1, len(score)), max_size=3))
    rule = EventRule(release=draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])), minimum_frames=9)
    return score.astype(np.float32), sorted(breaks), rule


@given(footage())
@settings(max_examples=60)
def test_spans_count_the_alarms_that_scoring_finds_at_any_threshold(made):
    score, breaks, rule = made
    spans = alarm_spans(score, rule, breaks)
    thresholds = np.array([level + 1 / 64 for level in LEVELS[:-1]] + LEVELS[1:])
    counts, frames = spans.at(thresholds)
    for threshold, count, held in zip(thresholds.tolist(), counts, frames, strict=True):
        runs = find_runs(score, replace(rule, threshold=threshold), breaks)
        assert count == len(runs)
        assert held == sum(end - start for start, end in runs)


@given(footage(), st.integers(0, 3))
@settings(max_examples=60)
def test_the_lowest_threshold_keeps_the_limit_and_so_do_all_above(made, most):
    score, breaks, rule = made
    try:
        threshold, bound = lowest_threshold(
            alarm_spans(score, rule, breaks), most, float(len(score))
        )
    except ValueError:
        assert len(find_runs(score, replace(rule, threshold=1.0), breaks)) > most
        return
    above = [threshold, *(level for level in LEVELS if level > threshold)]
    assert all(len(find_runs(score, replace(rule, threshold=t), breaks)) <= most for t in above)
    if bound:
        assert len(find_runs(score, replace(rule, threshold=bound), breaks)) > most


def test_an_alarm_without_end_is_no_way_to_have_few():
    """One video that trembles: near 0 it is a single alarm, which must not pass for none."""
    score = np.where(np.arange(6400) // 16 % 2, 0.20, 0.19).astype(np.float32)
    spans = alarm_spans(score, EventRule(), [])
    assert spans.at(np.array([0.1, 0.2, 0.3]))[0].tolist() == [1, 1, 0]
    threshold, bound = lowest_threshold(spans, 5, 640.0)
    assert (threshold > 0.2, bound) == (True, pytest.approx(0.2))


def test_a_score_of_one_leaves_nothing_above_it():
    score = np.ones(32, dtype=np.float32)
    with pytest.raises(ValueError, match="0 alarms or fewer: 1 reach a score of 1, .* allow more"):
        lowest_threshold(alarm_spans(score, EventRule(), []), 0, 32.0)


def test_videos_are_joined_and_none_has_none():
    each = alarm_spans(np.full(20, 0.5, np.float32), EventRule(), [])
    both = AlarmSpans.joined([each, each])
    assert both.at(np.array([0.5, 0.6]))[0].tolist() == [2, 0]
    assert AlarmSpans.joined([]).at(np.array([0.5]))[0].tolist() == [0]
    assert lowest_threshold(AlarmSpans.joined([]), 0, 0.0)[1] == 0


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood's table, 95 %: as in textbooks
    [(0, 0, 3.689), (1, 0.0253, 5.572), (2, 0.2422, 7.225), (10, 4.795, 18.390)],
)
def test_intervals_are_those_of_the_published_table(count, low, high):
    assert poisson_interval(count, 1.0) == pytest.approx((low, high), abs=6e-4)
    assert poisson_interval(count, 2.0) == pytest.approx((low / 2, high / 2), abs=6e-4)
