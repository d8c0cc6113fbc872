import pytest
import torch

from model.heads.branches import DualBranch, cosine_logits, move_text, pool_video
from model.heads.temporal import VideoEncoder


def test_padding_and_raw_logits_weigh_the_video_in_the_texts():
    video = torch.tensor([[[1.0, 0], [0, 1], [0, 1]]])
    text = torch.zeros(2, 2)
    moved = move_text(text, pool_video(video, torch.tensor([[3.0, -2, -2]])))
    torch.testing.assert_close(moved[0, 0], torch.tensor([0.6, -0.8]))


def test_a_vector_of_zeros_resembles_no_class():
    assert torch.equal(cosine_logits(torch.zeros(1, 3), torch.eye(3)), torch.zeros(1, 3))


def test_without_the_visual_prompt_a_class_is_the_same_for_every_video():
    torch.manual_seed(0)
    video = VideoEncoder(width=8, window=4, layers=1, span=2)
    features, text, lengths = torch.randn(2, 4, 8), torch.randn(3, 8), torch.tensor([4, 4])
    plain = DualBranch(video, visual_prompt=False)
    moved = DualBranch(video)
    moved.load_state_dict(plain.state_dict())
    encoded = video(features, lengths)
    expected = cosine_logits(encoded, text + plain.align_mlp(text))
    torch.testing.assert_close(plain(features, lengths, text).align, expected)
    assert not torch.allclose(moved(features, lengths, text).align, expected, atol=1e-3)
    assert torch.equal(moved(features, lengths, text).score, plain(features, lengths, text).score)


@pytest.fixture
def branches():
    torch.manual_seed(0)
    return DualBranch(VideoEncoder(width=8, window=96, layers=1, span=4))


def padded_windows(lengths):
    features = torch.randn(len(lengths), 96, 8)
    features[torch.arange(96) >= torch.tensor(lengths)[:, None]] = 0
    return features, torch.tensor(lengths)


def test_frozen_branches_compute_padding_neither_of_short_windows_nor_of_whole_ones(branches):
    rows = []
    branches.score_mlp.register_forward_pre_hook(lambda _, given: rows.append(given[0].shape[:-1]))
    frozen = branches.frozen()
    assert frozen.frozen() is frozen
    frozen(*padded_windows([3, 96, 20]), torch.randn(2, 8))
    assert rows == [(1, 96), (1, 44 + 96 + 60)]


def test_where_a_window_does_not_fade_it_is_computed_whole(branches):
    """Of a graph that fades slowly, as no distance graph does, the reach would be too short."""
    lengths = torch.arange(96.0)
    branches.video.distance_weights = (-(lengths[:, None] - lengths).abs() / 30).exp()
    features, lengths = padded_windows([3, 96, 20])
    text = torch.randn(2, 8)
    expected, found = branches(features, lengths, text), branches.frozen()(features, lengths, text)
    for window, length in enumerate(lengths):
        for name in ("score", "align"):
            ours, theirs = getattr(found, name)[window], getattr(expected, name)[window]
            torch.testing.assert_close(ours[:length], theirs[:length], atol=1e-5, rtol=1e-5)
