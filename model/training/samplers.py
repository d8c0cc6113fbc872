"""The order of an epoch: which samples make each step, drawn from a generator."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def paired_batches(
    anomalous: Bool[Tensor, " n"], batch: int, generator: torch.Generator
) -> list[Int[Tensor, " b"]]:
    """Return one epoch of batches: ``batch`` normal samples, then as many anomalous ones.

    Both kinds are drawn without replacement; the epoch ends with the rarer kind and an incomplete
    batch is dropped (UCF-Crime's protocol).

    Raises:
        ValueError: Either kind has fewer than ``batch`` samples: the epoch would be empty.
    """
    normal_samples = _shuffle(torch.nonzero(~anomalous).flatten(), generator)
    anomalous_samples = _shuffle(torch.nonzero(anomalous).flatten(), generator)
    count = min(len(normal_samples), len(anomalous_samples)) // batch
    if count == 0:
        raise ValueError(
            f"got {len(normal_samples)} normal and {len(anomalous_samples)} anomalous samples, "
            f"expected at least one batch of {batch} of each"
        )
    used = count * batch
    halves = (normal_samples[:used].view(count, batch), anomalous_samples[:used].view(count, batch))
    return list(torch.cat(halves, dim=1))


def shuffled_batches(
    samples: int, batch: int, generator: torch.Generator
) -> list[Int[Tensor, " b"]]:
    """Return one epoch of batches over all samples, the last one maybe shorter (XD-Violence's)."""
    return list(torch.split(torch.randperm(samples, generator=generator), batch))


def _shuffle(samples: Int[Tensor, " n"], generator: torch.Generator) -> Int[Tensor, " n"]:
    return samples[torch.randperm(len(samples), generator=generator)]
