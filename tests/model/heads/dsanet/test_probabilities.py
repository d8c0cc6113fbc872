import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.heads.dsanet.probabilities import class_probabilities, redistribute
from model.heads.segment_scorer import Temperatures


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


def test_probabilities_of_another_temperature_are_those_made_with_it():
    torch.manual_seed(0)
    score, align = 3 * torch.randn(20), torch.randn(20, 5)
    before, now = Temperatures(2.0, score=1.5), Temperatures(2.0)
    made = class_probabilities(score, align, before).double().numpy()
    expected = class_probabilities(score, align, now).numpy()
    np.testing.assert_allclose(redistribute(score.double().numpy(), made, now), expected, atol=1e-6)
