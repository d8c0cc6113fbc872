"""Scores of another temperature, made of scores: what a calibration changes without the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from model.heads.segment_scorer import Redistribution, Temperatures
from stores.records import VideoScores


def change_temperature(
    scores: VideoScores,
    theirs: Temperatures,
    ours: Temperatures,
    redistribute: Redistribution,
) -> VideoScores:
    """Return scores as the head would have made them with ``ours`` instead of ``theirs``.

    What becomes of the class probabilities is the head's own: ``redistribute``.

    Logits are taken back from float32: scores below 0.9999 come within 0.00002 of those made anew,
    others within 0.012, and one that was rounded to 0 or 1 stays that.
    """
    # Float32 rounds to 0 and 1, whose logits are infinite and stay so.
    logits = logit(scores.score.astype(np.float64)) * (theirs.score or 1.0)
    probabilities = redistribute(logits, scores.probabilities.astype(np.float64), ours)
    return replace(
        scores,
        score=expit(logits / (ours.score or 1.0)).astype(np.float32),
        probabilities=probabilities.astype(np.float32),
    )
