import torch

from model.heads.base import ScheduledOptimiser, names


def test_heads_are_the_folders_beside_the_interface():
    assert "dsanet" in names()
    assert "base" not in names()


def test_a_step_is_made_at_the_rate_of_its_epoch_and_number():
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    made = ScheduledOptimiser(
        name="main",
        optimiser=torch.optim.SGD([parameter], lr=99.0),
        rate=lambda epoch, step: 0.1 * (epoch + 1) + 0.01 * step,
    )
    parameter.grad = torch.tensor([1.0])
    assert made.step(epoch=1, step=3) == 0.1 * 2 + 0.01 * 3
    torch.testing.assert_close(parameter.detach(), torch.tensor([1 - 0.23]))
