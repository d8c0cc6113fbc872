"""Frame metrics: ROC-AUC and average precision over all frames of all test videos.

Truth is boolean, scores are any finite numbers; both are defined by the ranking alone, and frames
of equal score count as ranked together, as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stores.records import Event

Scores = NDArray[np.floating[Any]]
Truth = NDArray[np.bool_]

Counts = tuple[NDArray[np.float64], NDArray[np.float64]]
"""How many anomalous and normal frames score at least each distinct score, from the top."""


@dataclass(frozen=True, slots=True)
class FrameMetrics:
    """AUC and AP in [0, 1] over all frames, and over those of videos with an anomaly.

    The second pair asks whether an anomaly is found *within* its video; it is None where those
    videos have no normal frame.
    """

    auc: float
    ap: float
    anomalous_auc: float | None
    anomalous_ap: float | None


def frame_truth(events: Sequence[Event], frames: int) -> Truth:
    """Return which of ``frames`` frames lie in an event; what reaches past the end is cut."""
    truth = np.zeros(frames, dtype=np.bool_)
    for event in events:
        truth[max(event.start, 0) : max(event.end, 0)] = True
    return truth


def frame_metrics(truths: Sequence[Truth], scores: Sequence[Scores]) -> FrameMetrics:
    """Return the frame metrics of a test set, given one truth [F] and one score [F] a video.

    Raises:
        ValueError: As for :func:`roc_auc`, over the frames of all videos.
    """
    all_truth, all_scores = np.concatenate(truths), np.concatenate(scores)
    auc = roc_auc(all_truth, all_scores)
    ap = average_precision(all_truth, all_scores)
    in_anomalous = np.repeat([truth.any() for truth in truths], [len(truth) for truth in truths])
    truth, score = all_truth[in_anomalous], all_scores[in_anomalous]
    if truth.all():
        return FrameMetrics(auc, ap, None, None)
    return FrameMetrics(auc, ap, roc_auc(truth, score), average_precision(truth, score))


def roc_auc(truth: Truth, score: Scores) -> float:
    """Return the chance that a random anomalous frame outranks a random normal one, ties half.

    Raises:
        ValueError: All frames are of one kind, a score is not finite, or the lengths differ.
    """
    return area_under_roc(*cumulative_counts(truth, score))


def average_precision(truth: Truth, score: Scores) -> float:
    """Return the sum over distinct scores of precision times gain in recall; not interpolated.

    Raises:
        ValueError: As for :func:`roc_auc`.
    """
    return precision_sum(*cumulative_counts(truth, score))


def precision_trapezoid(counts: Counts) -> float:
    """Return the area below straight lines between the points of precision over recall.

    What RTFM, MIST, UR-DMU and PEL4VAD print as AP or PR-AUC (``auc(recall, precision)``), from
    precision 1 at recall 0 on. It is not :func:`average_precision`: the two differ by up to 0.04.
    """
    hits, alarms = counts
    precision = hits / np.maximum(hits + alarms, 1.0)
    return float(np.trapezoid(np.append(1.0, precision), np.append(0.0, hits / hits[-1])))


def recall_at_rate(counts: Counts, rate: float) -> float:
    """Return the highest recall of a threshold whose false alarm rate is ``rate`` or less.

    Both are shares of frames; nothing is interpolated between thresholds.
    """
    hits, alarms = counts
    allowed = np.searchsorted(alarms, rate * alarms[-1], side="right")
    return float(hits[allowed - 1] / hits[-1]) if allowed else 0.0


def area_under_roc(hits: NDArray[np.float64], alarms: NDArray[np.float64]) -> float:
    """Return the AUC of cumulative counts of anomalous and normal frames at falling scores."""
    area = np.trapezoid(np.append(0, hits), np.append(0, alarms))
    return float(area / (hits[-1] * alarms[-1]))


def precision_sum(hits: NDArray[np.float64], alarms: NDArray[np.float64]) -> float:
    """Return the average precision of cumulative counts; leading counts may be zero."""
    gains = np.diff(hits, prepend=0.0) / hits[-1]
    counted = np.maximum(hits + alarms, 1.0)  # nothing is gained where nothing is counted
    return float(np.sum(gains * hits / counted))


def last_of_ties(ranked: Scores) -> NDArray[np.intp]:
    """Return the position of the last of each run of equal scores."""
    return np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)


def cumulative_counts(truth: Truth, score: Scores) -> Counts:
    """Return how many frames of either kind score at least each distinct score, from the top.

    Raises:
        ValueError: As for :func:`roc_auc`.
    """
    if truth.shape != score.shape or truth.ndim != 1:
        raise ValueError(f"got truth of shape {truth.shape} and scores of shape {score.shape}")
    positive = int(truth.sum())
    if positive in (0, len(truth)):
        raise ValueError(
            f"got {positive} anomalous of {len(truth)} frames, expected some of either kind: "
            "no ranking metric is defined"
        )
    if not np.isfinite(score).all():
        raise ValueError(f"got {np.count_nonzero(~np.isfinite(score))} scores that are not finite")
    order = np.argsort(score, kind="stable")[::-1]
    last = last_of_ties(score[order])
    hits = np.cumsum(truth[order], dtype=np.float64)[last]
    return hits, last + 1.0 - hits
