import torch
from hypothesis import given
from hypothesis import strategies as st

from model.heads.dsanet.branches import class_probabilities, cosine_logits, prompted_text
from model.heads.segment_scorer import Temperatures


def test_padding_and_raw_logits_weigh_the_video_in_the_texts():
    video = torch.tensor([[[1.0, 0], [0, 1], [0, 1]]])
    text = torch.zeros(2, 2)
    moved = prompted_text(video, torch.tensor([[3.0, -2, -2]]), text)
    torch.testing.assert_close(moved[0, 0], torch.tensor([0.6, -0.8]))


def test_a_vector_of_zeros_resembles_no_class():
    assert torch.equal(cosine_logits(torch.zeros(1, 3), torch.eye(3)), torch.zeros(1, 3))


@given(st.integers(2, 14), st.floats(1, 5), st.integers(0, 99))
def test_probabilities_sum_to_one_and_normal_is_what_is_not_anomalous(classes, temperature, seed):
    generator = torch.Generator().manual_seed(seed)
    score = 5 * torch.randn(4, 6, generator=generator)
    align = 3 * torch.randn(4, 6, classes, generator=generator)
    found = class_probabilities(score, align, Temperatures(temperature))
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(4, 6))
    torch.testing.assert_close(1 - found[..., 0], torch.sigmoid(score / temperature))
    assert torch.equal(found[..., 1:].argmax(dim=-1), align[..., 1:].argmax(dim=-1))


def test_a_calibrated_score_has_a_temperature_of_its_own():
    score, align = torch.tensor([[2.0, -3.0]]), torch.randn(1, 2, 4)
    plain = class_probabilities(score, align, Temperatures(2.0))
    found = class_probabilities(score, align, Temperatures(2.0, score=4.0))
    torch.testing.assert_close(1 - found[..., 0], torch.sigmoid(score / 4))
    shares = [p[..., 1:] / p[..., 1:].sum(dim=-1, keepdim=True) for p in (plain, found)]
    torch.testing.assert_close(*shares)
