import pytest
import torch

from model.heads.base import Schedule
from model.heads.vadclip.optim import build_optimiser, epoch_rate


def test_the_rate_falls_to_a_tenth_after_the_published_epochs():
    rates = [epoch_rate(epoch, 2e-5, 10, (0.4, 0.8)) for epoch in range(10)]
    assert rates == pytest.approx([2e-5] * 4 + [2e-6] * 4 + [2e-7] * 2)
    rates = [epoch_rate(epoch, 1e-5, 10, (0.3, 0.6)) for epoch in range(10)]
    assert rates == pytest.approx([1e-5] * 3 + [1e-6] * 3 + [1e-7] * 4)


def test_a_training_of_another_length_keeps_the_form():
    rates = [epoch_rate(epoch, 1.0, 30, (0.4, 0.8)) for epoch in range(30)]
    assert [rates.count(value) for value in (1.0, rates[12], rates[24])] == [12, 12, 6]
    assert epoch_rate(0, 1.0, 1, (0.4, 0.8)) == 1.0


def test_all_is_decayed_with_or_without_a_gradient_of_its_own():
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    optimiser = build_optimiser([parameter], Schedule(1e-2, 10, 1), (0.4, 0.8))
    parameter.grad = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert optimiser.step(epoch=4, step=99) == pytest.approx(1e-3)
    torch.testing.assert_close(parameter[1].detach(), torch.full((2,), 1 - 1e-3 * 0.01))
    assert (parameter[0] < parameter[1]).all()
