"""VadCLIP's class probabilities: the fine branch alone, whatever the coarse one says."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from model.heads.segment_scorer import Temperatures


def class_probabilities(
    score_logits: Float[Tensor, "*n"],
    align_logits: Float[Tensor, "*n k"],
    temperatures: Temperatures,
) -> Float[Tensor, "*n k"]:
    """Return the probability of each class, class 0 being normal.

    What they leave to anomalies, 1 less the first, is the fine branch's own score and ranks frames
    in another way than the coarse one does.
    """
    return (align_logits / temperatures.classes).softmax(dim=-1)


def redistribute(
    score_logits: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    now: Temperatures,
) -> NDArray[np.float64]:
    """Return the probabilities [F,K] as they are: no temperature of the score changes them."""
    return probabilities
