"""How a head is trained, scored and selected. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal["auc", "ap"]
Sampling = Literal["paired", "shuffled"]
Arithmetic = Literal["fp32", "tf32", "bf16"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How DSANet is trained, scored and selected.

    Attributes:
        epochs: Passes over the training samples.
        batch: Samples of a step; with paired sampling this many normal and as many anomalous ones.
        learning_rate: Peak rate of both optimisers.
        align_weight: Weight of the alignment loss.
        temperature: Divides both kinds of logits when class probabilities are made.
        sampling: ``paired`` draws normal and anomalous samples apart, ``shuffled`` draws from all.
        evaluate_every: Training samples between two evaluations.
        metric: The frame metric that selects the best weights.
        warmup_steps: Steps of the normality branch's linear warm-up.
        schedule_steps: Length N of the normality branch's schedule in steps; None takes the steps
            that training has. Published UCF-Crime runs count both loaders of an epoch
            (10 × (125 + 126)) although an epoch has 125 steps, so they stop half-way.
        seed: Seeds initialisation and sampling.
        part: Samples that pass through the model at a time on a CPU, which bounds memory; a GPU
            takes the whole batch. Gradients add up to the batch's, so results agree to rounding.
        arithmetic: ``bf16`` makes matrix products in bfloat16; weights, losses and optimisers stay
            float32. Quicker only where the hardware has bfloat16 products. ``tf32`` lets an NVIDIA
            GPU round the factors of float32 products to 10 bits; elsewhere it is ``fp32``.
    """

    epochs: int
    batch: int
    learning_rate: float
    align_weight: float
    temperature: float
    sampling: Sampling
    evaluate_every: int
    metric: Metric
    warmup_steps: int = 100
    schedule_steps: int | None = None
    seed: int = 234
    part: int = 8
    arithmetic: Arithmetic = "fp32"
