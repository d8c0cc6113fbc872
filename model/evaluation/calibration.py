"""Calibration on labelled frames: scores that are honest probabilities, and a threshold to act on.

A model trained from video labels ranks frames; what its score means as a probability, and which
score is worth an alarm, no label said. Both are single numbers, fitted here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from model.evaluation.false_alarms import AlarmPoint, alarm_curve, alarm_point
from model.evaluation.metrics import Scores, Truth
from stores.records import Event, EventRule

_COLDEST, _HOTTEST = 0.05, 20.0  # past these every score is 0, 1 or a half
_BINS = 15  # of the calibration error, as in Guo et al.
_EDGE = 1e-7  # float32 scores are no closer to 0 and 1
_POINTS = 200  # thresholds that are tried

Choice = Callable[[Sequence[AlarmPoint]], AlarmPoint]
"""Picks a point of an alarm curve; a ValueError says that none is as it is wanted."""


@dataclass(frozen=True, slots=True)
class LabelledSplit:
    """What is calibrated on: score [F], frame truth [F], anomalies and duration of each video.

    ``breaks`` are the frames at which the footage of each breaks off.
    """

    scores: Sequence[Scores]
    truths: Sequence[Truth]
    anomalies: Sequence[Sequence[Event]]
    seconds: Sequence[float]
    breaks: Sequence[Sequence[int]]

    @property
    def hours(self) -> float:
        """The duration of all videos together."""
        return sum(self.seconds) / 3600

    def part(self, numbers: Sequence[int]) -> LabelledSplit:
        """Return some of the videos."""
        return LabelledSplit(
            scores=[self.scores[n] for n in numbers],
            truths=[self.truths[n] for n in numbers],
            anomalies=[self.anomalies[n] for n in numbers],
            seconds=[self.seconds[n] for n in numbers],
            breaks=[self.breaks[n] for n in numbers],
        )

    def tempered(self, temperature: float) -> LabelledSplit:
        """Return the same videos with the scores that a temperature makes of theirs."""
        return replace(self, scores=[tempered(score, temperature) for score in self.scores])

    def fit_temperature(self) -> float:
        """Return the temperature by which the scores' logits are likeliest."""
        return fit_temperature(np.concatenate(self.truths), np.concatenate(self.scores))

    def calibration_error(self) -> float:
        """Return the expected calibration error of the scores."""
        return calibration_error(np.concatenate(self.truths), np.concatenate(self.scores))

    def choose(self, choice: Choice, rule: EventRule) -> AlarmPoint:
        """Return the point of the alarm curve that ``choice`` picks."""
        return choice(
            alarm_curve(self.scores, self.anomalies, self.hours, rule, _POINTS, breaks=self.breaks)
        )


def cross_validated(
    split: LabelledSplit, choice: Choice, rule: EventRule, *, with_temperature: bool
) -> dict[str, float]:
    """Return ``error``, ``recall`` and ``false_alarms_per_hour`` on videos not calibrated on.

    Each half of the videos is calibrated by the other half, as many with anomalies in each. Empty
    where a half has no event, or the target is out of its reach.
    """
    order = sorted(range(len(split.scores)), key=lambda number: bool(split.anomalies[number]))
    first, second = split.part(order[0::2]), split.part(order[1::2])
    figures, weights = [], []
    try:
        for chosen_on, unseen in ((first, second), (second, first)):
            temperature = chosen_on.fit_temperature() if with_temperature else 1.0
            threshold = chosen_on.tempered(temperature).choose(choice, rule).threshold
            ours = unseen.tempered(temperature)
            chosen = replace(rule, threshold=threshold)
            point = alarm_point(ours.scores, ours.anomalies, ours.hours, chosen, breaks=ours.breaks)
            figures.append((ours.calibration_error(), point.recall, point.false_alarms_per_hour))
            frames, events = sum(map(len, ours.truths)), sum(map(len, ours.anomalies))
            weights.append((frames, events, ours.hours))
    except ValueError:
        return {}
    error, recall, alarms = np.average(figures, axis=0, weights=weights).tolist()
    return {"error": error, "recall": recall, "false_alarms_per_hour": alarms}


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
    """Return the lowest threshold that has ``most`` false alarms per hour, as have all above.

    All above, because far down the curve turns back: alarms run together until each video is one.

    Raises:
        ValueError: Even the highest threshold has more.
    """
    few = list(takewhile(lambda point: point.false_alarms_per_hour <= most, reversed(curve)))
    if not few:
        raise ValueError(
            f"no threshold has {most:g} false alarms per hour or fewer: the highest still has "
            f"{curve[-1].false_alarms_per_hour:.2f}; allow more, or choose by --recall"
        )
    return few[-1]


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
