import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.scoring.scorer import (
    Temperatures,
    class_probabilities,
    logits_in,
    score_segments,
    score_videos,
    to_frames,
)


@given(st.integers(2, 14), st.floats(1, 5), st.integers(0, 99))
def test_probabilities_sum_to_one_and_normal_is_what_is_not_anomalous(classes, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    score = 5 * torch.randn(4, 6, generator=generator)
    align = 3 * torch.randn(4, 6, classes, generator=generator)
    found = class_probabilities(score, align, temperature)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(4, 6))
    torch.testing.assert_close(1 - found[..., 0], torch.sigmoid(score / temperature))
    assert torch.equal(found[..., 1:].argmax(dim=-1), align[..., 1:].argmax(dim=-1))


@pytest.mark.parametrize("segments", [1, 31, 32, 33, 64, 100])
def test_a_video_is_scored_window_by_window(model, segments):
    features = np.random.default_rng(0).standard_normal((segments, 24)).astype(np.float32)
    score, probabilities = score_segments(model, features, temperature=2.0)
    assert score.shape == (segments,)
    assert probabilities.shape == (segments, 3)
    assert score.dtype == probabilities.dtype == np.float32
    for start in range(0, segments, 32):
        window = features[start : start + 32]
        alone, _ = score_segments(model, window, temperature=2.0)
        np.testing.assert_allclose(score[start : start + 32], alone, atol=1e-6)


def test_neither_batches_nor_given_texts_change_a_score(model):
    features = np.random.default_rng(0).standard_normal((150, 24)).astype(np.float16)
    expected = score_segments(model, features, temperature=1.0)
    found = score_segments(model, features, temperature=1.0, text=model.text(), batch=2)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_videos_that_share_batches_get_the_scores_they_get_alone(model, batch):
    random = np.random.default_rng(1)
    lengths = [1, 70, 32, 5, 200, 31, 33, 64]
    videos = [random.standard_normal((n, 24)).astype(np.float16) for n in lengths]
    together = list(score_videos(model, iter(videos), Temperatures(2.0), batch=batch))
    assert len(together) == len(videos)
    for found, features in zip(together, videos, strict=True):
        expected = score_segments(model, features, temperature=2.0)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_videos_are_read_as_they_are_scored(model):
    read = []

    def videos():
        for number in range(6):
            read.append(number)
            yield np.ones((64, 24), dtype=np.float32)  # two windows each

    scored = score_videos(model, videos(), Temperatures(1.0), batch=4)
    next(scored)
    assert read == [0, 1]
    assert len(list(scored)) == 5


def test_bfloat16_products_leave_scores_within_two_hundredths(model):
    features = np.random.default_rng(0).standard_normal((150, 24)).astype(np.float16)
    expected, _ = score_segments(model, features, temperature=1.0)
    (found, shares), *_ = score_videos(
        model, [features], Temperatures(1.0), logits=logits_in(model, "bf16")
    )
    assert found.dtype == shares.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.02


def test_scores_follow_the_weights_when_no_texts_are_given(model):
    features = np.random.default_rng(0).standard_normal((5, 24)).astype(np.float32)
    _, before = score_segments(model, features, temperature=1.0)
    with torch.no_grad():
        model.text.adapter.projection.weight.neg_()
    _, after = score_segments(model, features, temperature=1.0)
    assert not np.allclose(before, after)


def test_features_that_are_not_finite_are_refused(model):
    with pytest.raises(ValueError, match="finite"):
        score_segments(model, np.full((3, 24), np.inf, dtype=np.float32), temperature=1.0)


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
