"""Calibration on labelled frames: scores that are honest probabilities, and a threshold to act on.

A model trained from video labels ranks frames; what its score means as a probability, and which
score is worth an alarm, it was never told. Both are single numbers, fitted here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from model.evaluation.false_alarms import AlarmPoint
from model.evaluation.metrics import Scores, Truth

_COLDEST, _HOTTEST = 0.05, 20.0  # past these every score is 0, 1 or a half
_BINS = 15  # of the calibration error, as in Guo et al.
_EDGE = 1e-7  # float32 scores are no closer to 0 and 1


def fit_temperature(truth: Truth, score: Scores) -> float:
    """Return the temperature in [0.05, 20] by which the score's logits are likeliest.

    Minimises the negative log-likelihood over all frames (Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017, section 4.2). Above 1 the model was too sure, below 1 not enough.
    """
    logits = score_logits(score)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - truth * scaled))

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def score_logits(score: Scores) -> NDArray[np.float64]:
    """Return the logits of scores in [0, 1], at most ±16."""
    return np.asarray(logit(np.clip(np.asarray(score, dtype=np.float64), _EDGE, 1 - _EDGE)))


def tempered(score: Scores, temperature: float) -> NDArray[np.float64]:
    """Return the scores that a temperature makes of scores."""
    return np.asarray(expit(score_logits(score) / temperature))


def calibration_error(truth: Truth, score: Scores) -> float:
    """Return the expected calibration error in [0, 1], over 15 bins of equal width.

    That is how far, in the mean over frames, a bin's mean score lies from its share of anomalous
    frames (Guo et al., equation 3).
    """
    bins = np.minimum((np.asarray(score) * _BINS).astype(np.intp), _BINS - 1)
    count = np.bincount(bins, minlength=_BINS)
    believed = np.bincount(bins, weights=score, minlength=_BINS)
    true = np.bincount(bins, weights=truth, minlength=_BINS)
    return float(np.abs(believed - true).sum() / count.sum())


def threshold_for_alarms(curve: Sequence[AlarmPoint], most: float) -> AlarmPoint:
    """Return the lowest threshold whose false alarms per hour, and those of all above, are few.

    All above, because far down the curve turns back: alarms run together until each video is one.

    Args:
        curve: Of :func:`model.evaluation.false_alarms.alarm_curve`, the lowest threshold first.
        most: False alarms per hour that are borne.

    Raises:
        ValueError: Even the highest threshold has more.
    """
    chosen = None
    for point in reversed(curve):
        if point.false_alarms_per_hour > most:
            break
        chosen = point
    if chosen is None:
        raise ValueError(
            f"no threshold has {most:g} false alarms per hour or fewer: the highest still has "
            f"{curve[-1].false_alarms_per_hour:.2f}; allow more, or choose by --recall"
        )
    return chosen


def threshold_for_recall(curve: Sequence[AlarmPoint], least: float) -> AlarmPoint:
    """Return the highest threshold with which this share of the true events is found.

    Raises:
        ValueError: No threshold finds as many.
    """
    found = [point for point in curve if point.recall >= least]
    if not found:
        best = max(point.recall for point in curve)
        raise ValueError(
            f"no threshold finds {100 * least:g} % of the events: {100 * best:.1f} % is the most; "
            "ask for less, or allow shorter events with --minimum-frames"
        )
    return found[-1]
