import torch

from model.heads.branches import DualBranch, cosine_logits, prompted_text
from model.heads.temporal import VideoEncoder


def test_padding_and_raw_logits_weigh_the_video_in_the_texts():
    video = torch.tensor([[[1.0, 0], [0, 1], [0, 1]]])
    text = torch.zeros(2, 2)
    moved = prompted_text(video, torch.tensor([[3.0, -2, -2]]), text)
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
