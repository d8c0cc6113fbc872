import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score

from model.evaluation.metrics import (
    average_precision,
    cumulative_counts,
    frame_metrics,
    frame_truth,
    precision_trapezoid,
    recall_at_rate,
    roc_auc,
)
from stores.records import Event


@given(st.data())
def test_auc_and_ap_are_scikit_learns_ties_included(data):
    count = data.draw(st.integers(2, 60))
    truth = data.draw(hnp.arrays(np.bool_, count))
    assume(truth.any() and not truth.all())
    values = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(-10, 10, width=32))
    score = data.draw(hnp.arrays(np.float32, count, elements=values))
    assert roc_auc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    expected = average_precision_score(truth, score)
    assert average_precision(truth, score) == pytest.approx(expected, abs=1e-12)


def test_only_the_ranking_counts():
    random = np.random.default_rng(0)
    truth, score = random.random(500) < 0.3, random.random(500)
    assert roc_auc(truth, score) == roc_auc(truth, score**3)
    assert average_precision(truth, score) == average_precision(truth, score**3)


def test_a_constant_score_says_nothing():
    truth = np.array([True, False, False, False])
    assert roc_auc(truth, np.ones(4)) == 0.5
    assert average_precision(truth, np.ones(4)) == 0.25


@pytest.mark.parametrize("metric", [roc_auc, average_precision])
def test_what_no_metric_is_defined_for_is_refused(metric):
    score = np.array([0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="0 anomalous of 3 frames"):
        metric(np.zeros(3, dtype=bool), score)
    with pytest.raises(ValueError, match="3 anomalous of 3 frames"):
        metric(np.ones(3, dtype=bool), score)
    truth = np.array([True, False, True])
    with pytest.raises(ValueError, match="1 scores that are not finite"):
        metric(truth, np.array([0.1, np.nan, 0.2]))
    with pytest.raises(ValueError, match="shape"):
        metric(truth, score[:2])


def test_truth_is_half_open_and_cut_at_the_end():
    events = [Event(1, 3, "fire"), Event(5, 99, "fire")]
    assert frame_truth(events, 7).tolist() == [False, True, True, False, False, True, True]
    assert not frame_truth([], 4).any()


def test_anomalous_videos_are_also_judged_alone():
    truths = [np.array([True, False, False]), np.zeros(3, dtype=bool)]
    scores = [np.array([0.5, 0.6, 0.1]), np.array([0.2, 0.3, 0.4])]
    found = frame_metrics(truths, scores)
    assert found.auc == pytest.approx(4 / 5)
    assert found.anomalous_auc == pytest.approx(1 / 2)
    assert found.anomalous_ap == pytest.approx(1 / 2)


def test_anomalous_videos_without_a_normal_frame_have_no_figure_of_their_own():
    found = frame_metrics([np.ones(2, dtype=bool), np.zeros(2, dtype=bool)], [np.ones(2)] * 2)
    assert found.anomalous_auc is None
    assert found.anomalous_ap is None


def test_the_golden_figures(golden_case):
    figures = golden_case.figures
    metrics = frame_metrics(golden_case.truths, golden_case.scores)
    counts = cumulative_counts(*golden_case.pooled)
    for found, name in (
        (metrics.auc, "auc"),
        (metrics.ap, "ap"),
        (metrics.anomalous_auc, "auc_abnormal"),
        (metrics.anomalous_ap, "ap_abnormal"),
        (precision_trapezoid(counts), "pr_trapezoid"),
        (recall_at_rate(counts, 0.01), "tpr_at_fpr_0.01"),
        (recall_at_rate(counts, 0.05), "tpr_at_fpr_0.05"),
        (recall_at_rate(counts, 0.1), "tpr_at_fpr_0.1"),
    ):
        assert found == pytest.approx(figures[name], abs=1e-12)


def test_no_recall_is_had_where_the_highest_scores_are_normal():
    counts = cumulative_counts(np.array([False, True]), np.array([0.9, 0.1]))
    assert recall_at_rate(counts, 0.5) == 0.0
    assert recall_at_rate(counts, 1.0) == 1.0
