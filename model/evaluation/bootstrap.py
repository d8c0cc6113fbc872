"""Bootstrap intervals of frame metrics: how far would AUC and AP move with other test videos?

Videos are drawn with replacement, never frames: frames of one video are nearly copies of each
other, and intervals over frames would be far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metrics import Scores, Truth, area_under_roc, precision_sum


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


class Band(NamedTuple):
    """A curve with its interval: values in [0, 1] over an even grid of [0, 1]."""

    grid: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class CurveBands(NamedTuple):
    """The ROC (recall over false alarm rate) and precision over recall."""

    roc: Band
    precision: Band


def curve_bands(
    truths: Sequence[Truth],
    scores: Sequence[Scores],
    *,
    resamples: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> CurveBands:
    """Return the curves of all frames with pointwise percentile bands over draws of videos.

    Precision at a recall is the highest that is reached at that recall or above. Where most draws
    define no curve (very few videos) the band is the curve itself.

    Raises:
        ValueError: All frames are of one kind.
    """
    ranking = _rank(truths, scores)
    grid = np.linspace(0, 1, 201)
    random = np.random.default_rng(seed)
    own = _curves(ranking, np.ones(len(truths), dtype=np.int64), grid)
    if own is None:
        raise ValueError("got frames of one kind, expected some of either: no curve is defined")
    drawn = [
        _curves(
            ranking,
            np.bincount(random.integers(0, len(truths), len(truths)), minlength=len(truths)),
            grid,
        )
        for _ in range(resamples)
    ]
    defined = [curves for curves in drawn if curves is not None]
    if len(defined) * 2 < resamples:
        defined = [own]
    edges = (50 * (1 - confidence), 50 * (1 + confidence))
    low, high = np.percentile(np.array(defined), edges, axis=0)
    roc, precision = (Band(grid, own[i], low[i], high[i]) for i in (0, 1))
    return CurveBands(roc, precision)


def _curves(
    ranking: _Ranking, times_drawn: NDArray[np.int64], grid: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return recall over false alarm rate and precision over recall [2,G]; None: not defined."""
    weight = times_drawn[ranking.video]
    hits = np.cumsum(weight * ranking.hits)[ranking.last].astype(np.float64)
    alarms = np.cumsum(weight * ranking.alarms)[ranking.last].astype(np.float64)
    if hits[-1] == 0 or alarms[-1] == 0:
        return None
    recall, rate = np.append(0, hits / hits[-1]), np.append(0, alarms / alarms[-1])
    precision = hits / np.maximum(hits + alarms, 1.0)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    reached = np.searchsorted(recall[1:], grid).clip(max=len(best) - 1)
    return np.stack([np.interp(grid, rate, recall), best[reached]])


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
