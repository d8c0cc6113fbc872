import numpy as np
import pytest

from model.evaluation.within import category_aucs, padded_aucs, within_video_aucs


def test_the_golden_figures(golden_case):
    truths, scores, figures = golden_case
    within = within_video_aucs(truths, scores)
    assert len(within) == figures["within_video_count"]
    assert np.mean(within) == pytest.approx(figures["within_video_auc"], abs=1e-12)
    padded = np.mean(padded_aucs(truths, scores))
    assert padded == pytest.approx(figures["macro_auc_padded"], abs=1e-12)


TRUTHS = [np.array([0, 0, 1, 1], dtype=bool), np.array([1, 0], dtype=bool), np.zeros(3, dtype=bool)]
SCORES = [np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.3, 0.4]), np.array([0.95, 0.95, 0.95])]


def test_a_category_is_ranked_among_its_own_videos():
    labels = [("fire",), ("fight", "fire"), ("normal",)]
    found = category_aucs(TRUTHS, SCORES, labels, ("normal", "fight", "fire", "flood"))
    # Of fire: 0.8 and 0.9 outrank all three normal frames, 0.3 two of them.
    assert found == {"fight": 0.0, "fire": pytest.approx(8 / 9)}


def test_normal_videos_count_in_the_padded_mean_alone():
    assert within_video_aucs(TRUTHS, SCORES) == [1.0, 0.0]
    # Of the second video: 1 outranks 0.4 and 0, 0.3 outranks 0 alone.
    assert padded_aucs(TRUTHS, SCORES) == [1.0, 0.75, 1.0]
    assert within_video_aucs(TRUTHS[2:], SCORES[2:]) == []
