import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.heads.segment_scorer import Temperatures
from model.scoring.scorer import score_features, score_videos, to_frames
from model.training.step import autocast


@pytest.fixture
def scorer(model):
    return model.scorer(Temperatures(2.0))


def score_alone(scorer, features):
    return next(score_videos(scorer, [features]))


@pytest.mark.parametrize("segments", [1, 31, 32, 33, 64, 100])
def test_a_video_is_scored_window_by_window(scorer, segments):
    features = np.random.default_rng(0).standard_normal((segments, 24)).astype(np.float32)
    score, probabilities = score_alone(scorer, features)
    assert score.shape == (segments,)
    assert probabilities.shape == (segments, 3)
    assert score.dtype == probabilities.dtype == np.float32
    for start in range(0, segments, 32):
        window = features[start : start + 32]
        alone, _ = score_alone(scorer, window)
        np.testing.assert_allclose(score[start : start + 32], alone, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_videos_that_share_batches_get_the_scores_they_get_alone(scorer, batch):
    random = np.random.default_rng(1)
    lengths = [1, 70, 32, 5, 200, 31, 33, 64]
    videos = [random.standard_normal((n, 24)).astype(np.float16) for n in lengths]
    together = list(score_videos(scorer, iter(videos), batch=batch))
    assert len(together) == len(videos)
    for found, features in zip(together, videos, strict=True):
        expected = score_alone(scorer, features)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_videos_are_read_as_they_are_scored(scorer):
    read = []

    def videos():
        for number in range(6):
            read.append(number)
            yield np.ones((64, 24), dtype=np.float32)  # two windows each

    scored = score_videos(scorer, videos(), batch=4)
    next(scored)
    assert read == [0, 1]
    assert len(list(scored)) == 5


def test_bfloat16_products_leave_scores_within_two_hundredths(scorer):
    features = np.random.default_rng(0).standard_normal((150, 24)).astype(np.float16)
    expected, _ = score_alone(scorer, features)
    with autocast(scorer.device, "bf16"):
        found, shares = score_alone(scorer, features)
    assert found.dtype == shares.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.02


def test_of_several_crops_one_is_scored_and_every_frame_gets_its_segments_value(
    scorer, make_features
):
    videos = [make_features("a", width=24), make_features("b", crops=1, width=24, seed=1)]
    first, second = score_features(scorer, iter(videos), crop=1)
    assert (first.item, first.times.shape) == (videos[0].item, first.score.shape)
    assert first.probabilities.shape == (videos[0].frames, 3)
    for found, rows in ((first, videos[0].segments[1]), (second, videos[1].segments[0])):
        expected, _ = score_alone(scorer, rows)
        np.testing.assert_allclose(found.score, to_frames(expected, len(found.score)), atol=1e-6)


def test_features_that_are_not_finite_are_refused(scorer):
    with pytest.raises(ValueError, match="finite"):
        score_alone(scorer, np.full((3, 24), np.inf, dtype=np.float32))


@given(st.integers(1, 12), st.integers(0, 250))
def test_every_frame_has_the_value_of_its_segment_or_of_the_last_one(segments, frames):
    values = np.arange(segments * 2, dtype=np.float32).reshape(segments, 2)
    found = to_frames(values, frames)
    assert found.shape == (frames, 2)
    for frame in range(frames):
        assert np.array_equal(found[frame], values[min(frame // 16, segments - 1)])


def test_frames_without_a_segment_are_refused():
    with pytest.raises(ValueError, match="got 0 segments for 16 frames"):
        to_frames(np.zeros(0, dtype=np.float32), 16)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_features_that_are_not_finite_are_named_by_video_and_never_scored(
    scorer, make_features, wrong
):
    good, bad = make_features("a", width=24), make_features("b", width=24)
    bad.segments[0, 2, 3] = wrong
    with pytest.raises(ValueError, match="^b: features that are not finite; extract it again"):
        list(score_features(scorer, [good, bad], crop=0))


def test_scores_that_are_not_finite_are_named_by_video(scorer, make_features):
    scorer.text.fill_(float("nan"))
    with pytest.raises(ValueError, match="^a: scores that are not finite"):
        list(score_features(scorer, [make_features("a", width=24)], crop=0))
