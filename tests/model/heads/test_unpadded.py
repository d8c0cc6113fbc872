from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.heads.temporal import VideoEncoder
from model.heads.unpadded import REACH, UnpaddedEncoder

WINDOW = 96


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    video = VideoEncoder(width=8, window=WINDOW, layers=2, span=4)
    with torch.no_grad():
        video.position.mul_(50)
    return video


def windows(lengths):
    torch.manual_seed(1)
    features = torch.randn(len(lengths), WINDOW, 8)
    features[torch.arange(WINDOW) >= torch.tensor(lengths)[:, None]] = 0
    return features


@given(st.lists(st.integers(1, WINDOW), min_size=1, max_size=5))
@torch.no_grad()
def test_rows_are_those_of_the_whole_window_and_past_them_those_of_an_empty_one(encoder, lengths):
    unpadded, features = UnpaddedEncoder(encoder), windows(lengths)
    expected = encoder(features, torch.tensor(lengths))
    extents = unpadded.extents(lengths)
    found = torch.split(unpadded(features, extents), extents.computed)
    for own, whole in zip(found, expected, strict=True):
        torch.testing.assert_close(own, whole[: len(own)], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            unpadded.empty[len(own) :], whole[len(own) :], atol=1e-5, rtol=1e-5
        )


def test_windows_are_computed_to_their_last_group_and_so_far_on(encoder):
    extents = UnpaddedEncoder(encoder).extents([1, 4, 5, 90, 96])
    assert extents.filled == [4, 4, 8, 92, 96]
    assert extents.touched == [6, 6, 10, 94, 96]
    assert extents.computed == [4 + REACH, 4 + REACH, 8 + REACH, 96, 96]


def test_no_layer_sees_rows_of_padding_that_are_an_empty_windows(encoder):
    unpadded, seen = UnpaddedEncoder(encoder), []
    layers = [encoder.blocks[0].mlp, encoder.merge]
    hooks = [
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].numel() // 8))
        for layer in layers
    ]
    extents = unpadded.extents([5, 96, 1])
    unpadded(windows([5, 96, 1]), extents)
    for hook in hooks:
        hook.remove()
    assert seen == [sum(extents.filled), sum(extents.computed)]


@torch.no_grad()
def test_what_is_left_out_fades_with_the_distance(encoder):
    full = encoder(windows([8]), torch.tensor([8]))[0]
    gaps = (full - UnpaddedEncoder(encoder).empty).norm(dim=-1)[12:52:8]
    assert all(later < 0.2 * earlier for earlier, later in pairwise(gaps.tolist()))
