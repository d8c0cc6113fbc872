"""The order of an epoch: which samples make each step.

Every random choice comes from a generator that the caller owns, so that training can go on bit for
bit where it stopped.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from model.training.config import TrainConfig
from model.training.data import TrainingSet


def epoch_steps(samples: TrainingSet, settings: TrainConfig) -> int:
    """Return the number of steps of an epoch."""
    if settings.sampling == "paired":
        anomalous = int(samples.anomalous.sum())
        return min(anomalous, len(samples) - anomalous) // settings.batch
    return -(-len(samples) // settings.batch)


def draw_epoch(
    samples: TrainingSet, settings: TrainConfig, generator: torch.Generator
) -> list[Int[Tensor, " b"]]:
    """Return the samples of each step of one epoch, as the settings draw them.

    Raises:
        ValueError: An epoch would be empty.
    """
    if settings.sampling == "paired":
        return paired_batches(samples.anomalous.cpu(), settings.batch, generator)
    return shuffled_batches(len(samples), settings.batch, generator)


def paired_batches(
    anomalous: Bool[Tensor, " n"], batch: int, generator: torch.Generator
) -> list[Int[Tensor, " b"]]:
    """Return one epoch of batches: ``batch`` normal samples, then as many anomalous ones.

    Both kinds are drawn without replacement; the epoch ends with the rarer kind and an incomplete
    batch is dropped (UCF-Crime's protocol).

    Raises:
        ValueError: Either kind has fewer than ``batch`` samples: the epoch would be empty.
    """
    kinds = (torch.nonzero(~anomalous).flatten(), torch.nonzero(anomalous).flatten())
    normal, abnormal = (own[torch.randperm(len(own), generator=generator)] for own in kinds)
    count = min(len(normal), len(abnormal)) // batch
    if count == 0:
        raise ValueError(
            f"got {len(normal)} normal and {len(abnormal)} anomalous samples, "
            f"expected at least one batch of {batch} of each; "
            + _remedy(min(len(normal), len(abnormal)))
        )
    halves = [drawn[: count * batch].view(count, batch) for drawn in (normal, abnormal)]
    return list(torch.cat(halves, dim=1))


def _remedy(fitting: int) -> str:
    if fitting == 0:
        return "bring videos of both kinds"
    return f"give --batch {fitting} or less, or bring more videos"


def shuffled_batches(
    samples: int, batch: int, generator: torch.Generator
) -> list[Int[Tensor, " b"]]:
    """Return one epoch of batches over all samples, the last one maybe shorter (XD-Violence's)."""
    return list(torch.split(torch.randperm(samples, generator=generator), batch))
