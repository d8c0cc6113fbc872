"""Bootstrap intervals of frame metrics: how far would AUC and AP move with other test videos?

Videos are drawn with replacement, never frames: frames of one video are nearly copies of each
other, and intervals over frames would be far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.metrics import Scores, Truth, area_under_roc, precision_sum


class Interval(NamedTuple):
    """Bounds of a figure in [0, 1]."""

    low: float
    high: float


class _Ranking(NamedTuple):
    """Runs of frames of one video and one score, highest score first.

    ``hits`` and ``alarms`` count a run's anomalous and normal frames; ``last`` are the positions of
    the last run of each distinct score.
    """

    video: NDArray[np.intp]
    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]
    last: NDArray[np.intp]


def frame_intervals(
    truths: Sequence[Truth],
    scores: Sequence[Scores],
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return the percentile intervals of frame ``auc`` and ``ap``; the same seed draws the same.

    A draw without frames of both kinds defines no metric and is left out; where those are more than
    half of all (very few videos) nothing is returned.

    Args:
        truths: Truth [F] of each video.
        scores: Score [F] of each video.
        resamples: Number of draws.
        confidence: Share of draws between the bounds.
        seed: Of the draws.
    """
    ranking = _rank(truths, scores)
    random = np.random.default_rng(seed)
    figures = []
    for _ in range(resamples):
        drawn = random.integers(0, len(truths), len(truths))
        weight = np.bincount(drawn, minlength=len(truths))[ranking.video]
        hits = np.cumsum(weight * ranking.hits)[ranking.last].astype(np.float64)
        alarms = np.cumsum(weight * ranking.alarms)[ranking.last].astype(np.float64)
        if hits[-1] > 0 and alarms[-1] > 0:
            figures.append((area_under_roc(hits, alarms), precision_sum(hits, alarms)))
    if len(figures) * 2 < resamples:
        return {}
    edges = (50 * (1 - confidence), 50 * (1 + confidence))
    low, high = np.percentile(np.array(figures), edges, axis=0)
    return {name: Interval(float(low[i]), float(high[i])) for i, name in enumerate(("auc", "ap"))}


def _rank(truths: Sequence[Truth], scores: Sequence[Scores]) -> _Ranking:
    """Compress frames to runs (16 frames share a score, so a sixteenth of the work) and rank."""
    video, score, hits, alarms = [], [], [], []
    for index, (truth, own) in enumerate(zip(truths, scores, strict=True)):
        starts = np.flatnonzero(np.diff(own, prepend=np.nan) != 0)
        anomalous = np.add.reduceat(truth.astype(np.int64), starts)
        video.append(np.full(len(starts), index))
        score.append(own[starts])
        hits.append(anomalous)
        alarms.append(np.diff(starts, append=len(own)) - anomalous)
    all_scores = np.concatenate(score)
    order = np.argsort(all_scores, kind="stable")[::-1]
    ranked = all_scores[order]
    return _Ranking(
        video=np.concatenate(video)[order],
        hits=np.concatenate(hits)[order],
        alarms=np.concatenate(alarms)[order],
        last=np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1),
    )
