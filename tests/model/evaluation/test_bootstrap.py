import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from model.evaluation.bootstrap import (
    curve_bands,
    drawn_figures,
    frame_intervals,
    interval_of,
)
from model.evaluation.metrics import average_precision, roc_auc


@pytest.fixture
def videos():
    """Twelve videos whose scores are constant over segments and tie between videos."""
    random = np.random.default_rng(0)
    truths, scores = [], []
    for number in range(12):
        segments = int(random.integers(3, 9))
        truth = np.zeros(16 * segments - 5, dtype=bool)
        if number % 2:
            truth[9:33] = True
        score = np.repeat(np.round(random.random(segments), 1), 16)[: len(truth)]
        truths.append(truth)
        scores.append(np.round(score + 0.3 * truth.mean(), 1))
    return truths, scores


def test_the_figures_of_each_draw_are_those_of_its_frames(videos):
    """The compressed, weighted ranking against frames that are really put together."""
    truths, scores = videos
    found = frame_intervals(truths, scores, resamples=40, seed=3)
    random = np.random.default_rng(3)
    figures = []
    for _ in range(40):
        drawn = random.integers(0, 12, 12)
        truth = np.concatenate([truths[i] for i in drawn])
        score = np.concatenate([scores[i] for i in drawn])
        figures.append((roc_auc(truth, score), average_precision(truth, score)))
    low, high = np.percentile(figures, (2.5, 97.5), axis=0)
    np.testing.assert_allclose(found["auc"], (low[0], high[0]), atol=1e-12)
    np.testing.assert_allclose(found["ap"], (low[1], high[1]), atol=1e-12)


def test_intervals_hold_the_figure_and_shrink_with_more_videos(videos):
    truths, scores = videos
    few = frame_intervals(truths, scores)
    many = frame_intervals(truths * 8, scores * 8)
    auc = roc_auc(np.concatenate(truths), np.concatenate(scores))
    assert few["auc"].low < auc < few["auc"].high
    assert many["auc"].high - many["auc"].low < 0.6 * (few["auc"].high - few["auc"].low)


def test_draws_without_both_kinds_are_left_out(videos):
    truths, scores = videos
    assert frame_intervals(truths[:1], scores[:1]) == {}
    assert frame_intervals(truths[:2], scores[:2]).keys() in ({"auc", "ap"}, set())


def test_curves_are_those_of_scikit_learn_within_their_bands():
    random = np.random.default_rng(5)
    truths = [random.random(64) < 0.3 for _ in range(12)]
    scores = [np.round(random.normal(t, 1.0), 1) for t in truths]  # with ties
    roc, precision = curve_bands(truths, scores, resamples=50)
    truth, score = np.concatenate(truths), np.concatenate(scores)
    rate, recall, _ = roc_curve(truth, score)
    np.testing.assert_allclose(roc.value, np.interp(roc.grid, rate, recall), atol=1e-9)
    theirs, reached, _ = precision_recall_curve(truth, score)
    for at, value in zip(precision.grid, precision.value, strict=True):
        assert value == pytest.approx(theirs[:-1][reached[:-1] >= at].max(), abs=1e-9)
    for band in (roc, precision):
        assert (band.low <= band.value + 1e-9).mean() > 0.95
        assert (band.high >= band.value - 1e-9).mean() > 0.95
        assert (band.high - band.low).max() > 0.05
    with pytest.raises(ValueError, match="of one kind"):
        curve_bands([np.zeros(9, dtype=bool)], [np.zeros(9)])


def test_draws_of_other_scores_are_of_the_same_videos_and_several_trainings_are_averaged(videos):
    truths, scores = videos
    other = [np.round(1 - score, 1) for score in scores]
    one, two = (drawn_figures(truths, [each], resamples=40, seed=3) for each in (scores, other))
    # What ranks the other way round has the mirrored AUC, draw by draw.
    np.testing.assert_allclose(one["auc"] + two["auc"], 1.0, atol=1e-12)
    both = drawn_figures(truths, [scores, other], resamples=40, seed=3)
    np.testing.assert_allclose(both["ap"], (one["ap"] + two["ap"]) / 2, atol=1e-12)
    assert interval_of(one["auc"]) == frame_intervals(truths, scores, resamples=40, seed=3)["auc"]
    assert drawn_figures(truths[:1], [scores[:1]]) == {}
