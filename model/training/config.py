"""How a head is trained, scored and selected. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stores.ranges import PositiveAmount, PositiveCount, Seed

Metric = Literal["auc", "ap"]
Sampling = Literal["paired", "shuffled"]
Arithmetic = Literal["fp32", "tf32", "bf16"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The settings of a training.

    Attributes:
        epochs: Passes over the training samples.
        batch: Samples of a step; with paired sampling this many normal and as many anomalous ones.
        learning_rate: Peak rate of the optimisers.
        temperature: Divides both kinds of logits when class probabilities are made.
        sampling: ``paired`` draws normal and anomalous samples apart, ``shuffled`` draws from all.
        evaluate_every: Training samples between two evaluations.
        metric: The frame metric that selects the best weights.
        seed: Seeds initialisation and sampling.
        part: Samples that pass through the model at a time on a CPU, which bounds memory; a GPU
            takes the whole batch. Gradients add up to the batch's, so results agree to rounding.
        arithmetic: ``bf16`` makes matrix products in bfloat16; weights, losses and optimisers stay
            float32. Quicker only where the hardware has bfloat16 products. ``tf32`` lets an NVIDIA
            GPU round the factors of float32 products to 10 bits; elsewhere it is ``fp32``.
    """

    epochs: PositiveCount
    batch: PositiveCount
    learning_rate: PositiveAmount
    temperature: PositiveAmount
    sampling: Sampling
    evaluate_every: PositiveCount
    metric: Metric
    seed: Seed = 234
    part: PositiveCount = 8
    arithmetic: Arithmetic = "fp32"
