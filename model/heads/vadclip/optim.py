"""The optimiser of VadCLIP and its schedule: one AdamW, whose rate falls to a tenth twice."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from model.heads.base import Schedule, ScheduledOptimiser


def build_optimiser(
    parameters: Sequence[nn.Parameter], schedule: Schedule, decays: Sequence[float]
) -> ScheduledOptimiser:
    """Return the optimiser of all that is learned, biases and norms decayed like the rest."""
    peak, epochs, _ = schedule
    return ScheduledOptimiser(
        name="main",
        optimiser=torch.optim.AdamW(parameters, lr=peak, weight_decay=0.01),
        rate=lambda epoch, _: epoch_rate(epoch, peak, epochs, decays),
    )


def epoch_rate(epoch: int, peak: float, epochs: int, decays: Sequence[float]) -> float:
    """Return the rate during ``epoch``, the first being 0.

    It is a tenth as high from each share of the ``epochs`` in ``decays`` on. Published runs name
    the epochs, of ten; shares keep the schedule's form where there are fewer or more.
    """
    return peak * 0.1 ** sum(epoch / epochs >= share for share in decays)
