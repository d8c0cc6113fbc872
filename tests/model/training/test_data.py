from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.training.data import (
    Batch,
    fit_to_window,
    label_vector,
    resample,
    segment_bounds,
    split_windows,
    training_set,
)
from model.training.samplers import paired_batches, shuffled_batches

CLASSES = ("normal", "fighting", "fire")

sizes = st.integers(1, 300)
windows = st.integers(1, 64)


def rows(segments, width=3, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((segments, width)).astype(dtype)


@given(sizes, windows)
def test_bounds_cover_a_video_once_in_stretches_that_differ_by_one_at_most(segments, window):
    bounds = segment_bounds(segments, window)
    assert bounds[0] == 0
    assert bounds[-1] == segments
    assert set(np.diff(bounds)) <= {segments // window, -(-segments // window)}


@given(sizes, windows)
def test_resampled_rows_are_the_means_between_bounds(segments, window):
    features = rows(segments)
    bounds = segment_bounds(segments, window)
    expected = [features[a:b].mean(axis=0) if b > a else features[a] for a, b in pairwise(bounds)]
    np.testing.assert_allclose(resample(features, window), expected, rtol=1e-5, atol=1e-6)


@given(sizes, windows, st.sampled_from([np.float16, np.float32]))
def test_a_fitted_video_has_the_window_and_keeps_what_fits(segments, window, dtype):
    features = rows(segments, dtype=dtype)
    fitted, length = fit_to_window(features, window)
    assert fitted.shape == (window, 3)
    assert length == min(segments, window)
    assert not fitted[length:].any()
    if segments <= window:
        assert fitted.dtype == dtype
        assert np.array_equal(fitted[:length], features)
    else:
        assert fitted.dtype == np.float32


@given(sizes, windows, st.sampled_from([np.float16, np.float32]))
def test_windows_hold_every_row_once_and_no_window_is_empty(segments, window, dtype):
    features = rows(segments, dtype=dtype)
    split, lengths = split_windows(features, window)
    assert split.shape == (-(-segments // window), window, 3)
    assert split.dtype == dtype
    assert lengths.min() >= 1
    assert lengths.sum() == segments
    flat = split.reshape(-1, 3)
    assert np.array_equal(flat[:segments], features)
    assert not flat[segments:].any()


@pytest.mark.parametrize("bad", [rows(0), rows(4)[0], np.full((2, 3), np.nan, dtype=np.float32)])
@pytest.mark.parametrize("function", [fit_to_window, split_windows])
def test_features_that_are_no_rows_of_finite_numbers_are_refused(function, bad):
    with pytest.raises(ValueError, match="rows of finite numbers"):
        function(bad, 8)


def test_labels_are_multi_hot():
    assert label_vector(("fire", "fighting", "fire"), CLASSES).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "named"), [(("Unknown",), "Unknown"), ((), "at least one of normal, fighting")]
)
def test_a_label_that_no_class_knows_is_refused_by_name(labels, named):
    with pytest.raises(ValueError, match=named):
        label_vector(labels, CLASSES)


def test_every_crop_is_a_sample(make_features):
    videos = [
        make_features("a", segments=5, crops=2, labels=("normal",)),
        make_features("b", segments=20, crops=3, seed=1, labels=("fire", "fighting")),
    ]
    samples = training_set(iter(videos), samples=5, window=8, classes=CLASSES)
    assert len(samples) == 5
    assert samples.lengths.tolist() == [5, 5, 8, 8, 8]
    assert samples.labels[:, 0].tolist() == [1, 1, 0, 0, 0]
    assert samples.labels[4].tolist() == [0, 1, 1]
    assert samples.anomalous.tolist() == [False, False, True, True, True]
    assert samples.features.dtype == torch.float16
    fitted, _ = fit_to_window(videos[1].segments[2], 8)
    batch = samples.to(torch.device("cpu")).batch(torch.tensor([4, 0]))
    assert batch.features.dtype == torch.float16
    assert np.array_equal(batch.features[0].numpy(), fitted.astype(np.float16))
    assert batch.lengths.tolist() == [8, 5]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_batchs_parts_are_its_samples_in_float32_and_shorter_ones_first(size):
    lengths = torch.tensor([4, 1, 8, 4, 2])
    features = torch.arange(5.0).half().reshape(5, 1, 1).expand(5, 8, 3)
    parts = list(Batch(features, lengths, torch.eye(5)).parts(size))
    assert {part.features.dtype for part in parts} == {torch.float32}
    order = [0, 1, 2, 3, 4] if size == 5 else [1, 4, 0, 3, 2]
    assert torch.cat([part.features[:, 0, 0] for part in parts]).tolist() == order
    assert torch.cat([part.lengths for part in parts]).tolist() == lengths[order].tolist()
    assert torch.cat([part.labels for part in parts]).argmax(dim=1).tolist() == order


@pytest.mark.parametrize("expected", [3, 5])
def test_another_number_of_crops_than_announced_is_refused(make_features, expected):
    videos = [make_features(name, labels=("fire",)) for name in "ab"]
    with pytest.raises(ValueError, match=rf"expected {expected}"):
        training_set(videos, samples=expected, window=8, classes=CLASSES)


def test_features_of_another_width_are_refused(make_features):
    videos = [make_features("a", labels=("fire",)), make_features("b", width=9, labels=("fire",))]
    with pytest.raises(ValueError, match=r"video b: .* of width 9"):
        training_set(videos, samples=4, window=8, classes=CLASSES)


def test_a_video_that_cannot_be_used_is_named(make_features):
    with pytest.raises(ValueError, match=r"video a: .*Unknown"):
        training_set([make_features("a", labels=("Unknown",))], 2, 8, CLASSES)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 7), st.integers(0, 9))
def test_paired_batches_are_half_and_half_without_repetition(normal, anomalous, batch, seed):
    kinds = torch.tensor([False] * normal + [True] * anomalous)
    generator = torch.Generator().manual_seed(seed)
    count = min(normal, anomalous) // batch
    if count == 0:
        with pytest.raises(ValueError, match=f"{normal} normal and {anomalous} anomalous"):
            paired_batches(kinds, batch, generator)
        return
    batches = paired_batches(kinds, batch, generator)
    assert len(batches) == count
    assert all(kinds[b].tolist() == [False] * batch + [True] * batch for b in batches)
    drawn = torch.cat(batches)
    assert len(drawn.unique()) == len(drawn)


@given(st.integers(1, 40), st.integers(1, 50))
def test_shuffled_batches_hold_every_sample_once(samples, batch):
    batches = shuffled_batches(samples, batch, torch.Generator().manual_seed(0))
    assert sorted(torch.cat(batches).tolist()) == list(range(samples))
    assert all(len(b) == batch for b in batches[:-1])


def test_epochs_differ_and_a_restored_generator_repeats_them():
    generator = torch.Generator().manual_seed(7)
    kinds = torch.arange(40) % 2 == 0
    first = paired_batches(kinds, 5, generator)
    state = generator.get_state()
    second = paired_batches(kinds, 5, generator)
    generator.set_state(state)
    repeated = paired_batches(kinds, 5, generator)
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert torch.equal(torch.cat(second), torch.cat(repeated))
