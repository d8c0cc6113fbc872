import numpy as np
import pytest
import torch

from model.heads.dsanet.probabilities import class_probabilities, redistribute
from model.heads.segment_scorer import Temperatures
from model.scoring.temperature import change_temperature
from stores.records import VideoItem, VideoScores


def made_with(temperatures, reach):
    """Scores of logits up to ``reach``, as a SegmentScorer makes them."""
    logits = torch.linspace(-reach, reach, 401)
    align = torch.randn(401, 5, generator=torch.Generator().manual_seed(0)) * 4
    return VideoScores(
        item=VideoItem("a", ""),
        times=np.arange(401) / 25,
        score=(logits / (temperatures.score or 1.0)).sigmoid().numpy(),
        probabilities=class_probabilities(logits, align, temperatures).numpy(),
    )


@pytest.mark.parametrize("classes", [1.0, 5.0])
@pytest.mark.parametrize(("before", "now"), [(None, 2.5), (2.5, None), (0.6, 4.0), (3.0, 0.5)])
def test_scores_are_those_of_the_other_temperature(before, now, classes):
    theirs, ours = Temperatures(classes, before), Temperatures(classes, now)
    reach = 9 * min(before or 1.0, now or 1.0)  # scores from 0.0001 to 0.9999
    found, expected = (
        change_temperature(made_with(theirs, reach), theirs, ours, redistribute),
        made_with(ours, reach),
    )
    np.testing.assert_allclose(found.score, expected.score, atol=2e-5)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=2e-5)
    assert (found.score.dtype, found.probabilities.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("now", [1.5, 3.0, 6.0, 12.0, 20.0])
def test_scores_up_to_where_float32_rounds_come_within_a_hundredth(now):
    theirs, ours = Temperatures(1.0), Temperatures(1.0, now)
    before, expected = made_with(theirs, 16.6), made_with(ours, 16.6)
    assert 0.9999 < before.score.max() < 1
    found = change_temperature(before, theirs, ours, redistribute)
    np.testing.assert_allclose(found.score, expected.score, atol=0.012)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=0.012)


def test_what_was_rounded_to_0_or_1_stays_that():
    theirs, ours = Temperatures(1.0, 0.1), Temperatures(1.0, 20.0)
    found = change_temperature(made_with(theirs, 20.0), theirs, ours, redistribute)
    assert (found.score[0], found.score[-1]) == (0, 1)
    assert np.isfinite(found.score).all()
    assert np.isfinite(found.probabilities).all()
    np.testing.assert_allclose(found.probabilities[[0, -1], 0], [1, 0])
    assert (np.diff(found.score) >= 0).all()
