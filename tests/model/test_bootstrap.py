import numpy as np
import pytest

from model.bootstrap import frame_intervals
from model.metrics import average_precision, roc_auc


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
