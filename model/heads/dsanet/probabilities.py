"""DSANet's class probabilities: how much is anomalous, shared out by what kind of anomaly it is."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from model.heads.segment_scorer import Temperatures


def class_probabilities(
    score_logits: Float[Tensor, "*n"],
    align_logits: Float[Tensor, "*n k"],
    temperatures: Temperatures,
) -> Float[Tensor, "*n k"]:
    """Return the probability of each class, class 0 being normal (reference behaviour).

    The coarse branch says how much is anomalous, the fine branch which anomaly. Rows sum to 1,
    unless the fine branch gives anomalies hardly any mass (1e-12, out of reach at temperatures
    above 1); then they sum to less, as published.
    """
    coarse = temperatures.classes if temperatures.score is None else temperatures.score
    abnormal = torch.sigmoid(score_logits / coarse).unsqueeze(-1)
    anomalies = torch.softmax(align_logits / temperatures.classes, dim=-1)[..., 1:]
    anomalies = anomalies / (anomalies.sum(dim=-1, keepdim=True) + 1e-12)
    return torch.cat([1 - abnormal, abnormal * anomalies], dim=-1)


def redistribute(
    score_logits: NDArray[np.float64], probabilities: NDArray[np.float64], now: Temperatures
) -> NDArray[np.float64]:
    """Return the probabilities [F,K] that ``now`` makes of those of another score temperature.

    Anomalies keep their shares of what is not normal, which no score's temperature changes.
    """
    coarse = now.classes if now.score is None else now.score
    abnormal = expit(score_logits / coarse)[:, None]
    anomalies = probabilities[:, 1:]
    shares = anomalies / np.maximum(anomalies.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.concatenate([1 - abnormal, abnormal * shares], axis=1)
