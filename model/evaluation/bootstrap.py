"""Bootstrap intervals of frame metrics: how far would AUC and AP move with other test videos?

Videos are drawn with replacement, never frames: frames of one video are nearly copies of each
other, and intervals over frames would be far too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metrics import (
    Counts,
    Scores,
    Truth,
    area_under_roc,
    last_of_ties,
    precision_sum,
)

CONFIDENCE = 0.95
"""Share of the draws that lie between two bounds."""


class Interval(NamedTuple):
    """Bounds of a figure in [0, 1], or of a difference of two."""

    low: float
    high: float


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


def frame_intervals(
    truths: Sequence[Truth], scores: Sequence[Scores], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Return the percentile intervals of frame ``auc`` and ``ap``, given one truth [F] a video.

    A draw without frames of both kinds defines no metric and is left out; where those are more than
    half of the ``resamples`` (very few videos) nothing is returned.
    """
    drawn = drawn_figures(truths, [scores], resamples=resamples, seed=seed)
    return {name: interval_of(values) for name, values in drawn.items()}


def drawn_figures(
    truths: Sequence[Truth],
    trainings: Sequence[Sequence[Scores]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, NDArray[np.float64]]:
    """Return frame ``auc`` and ``ap`` of each draw of videos, means over several trainings' scores.

    The same truths and seed make the same draws, whatever the scores: the differences of what two
    models reach are paired, draw by draw. Draws are left out, or nothing is returned, as in
    :func:`frame_intervals`.
    """
    rankings = [_Ranking(truths, scores).draws(resamples, seed) for scores in trainings]
    figures = [
        [(area_under_roc(*counts), precision_sum(*counts)) for counts in ranking]
        for ranking in rankings
    ]
    if len(figures[0]) * 2 < resamples:
        return {}
    mean = np.mean(figures, axis=0)
    return {"auc": mean[:, 0], "ap": mean[:, 1]}


def interval_of(values: NDArray[np.float64]) -> Interval:
    """Return the percentile interval of a figure's draws."""
    low, high = _bounds(values)
    return Interval(float(low), float(high))


def curve_bands(
    truths: Sequence[Truth], scores: Sequence[Scores], *, resamples: int = 200, seed: int = 0
) -> CurveBands:
    """Return the curves of all frames with pointwise percentile bands over draws of videos.

    Precision at a recall is the highest that is reached at that recall or above. Where most draws
    define no curve (very few videos) the band is the curve itself.

    Raises:
        ValueError: All frames are of one kind.
    """
    ranking = _Ranking(truths, scores)
    grid = np.linspace(0, 1, 201)
    counts = ranking.counts(np.ones(len(truths), dtype=np.int64))
    if counts is None:
        raise ValueError("got frames of one kind, expected some of either: no curve is defined")
    own = _curves(counts, grid)
    drawn = [_curves(counts, grid) for counts in ranking.draws(resamples, seed)]
    low, high = _bounds(drawn if len(drawn) * 2 >= resamples else [own])
    roc, precision = (Band(grid, own[i], low[i], high[i]) for i in (0, 1))
    return CurveBands(roc, precision)


class _Ranking:
    """All frames ranked once, so that a draw of videos only has to weigh them.

    Frames are compressed to runs of one video and one score, a sixteenth of the work.
    """

    def __init__(self, truths: Sequence[Truth], scores: Sequence[Scores]) -> None:
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
        self._videos = len(truths)
        self._video = np.concatenate(video)[order]
        self._hits = np.concatenate(hits)[order]
        self._alarms = np.concatenate(alarms)[order]
        self._last = last_of_ties(all_scores[order])

    def counts(self, times_drawn: NDArray[np.int64]) -> Counts | None:
        """Return the counts with each video drawn so often; None where one kind has no frame."""
        weight = times_drawn[self._video]
        hits = np.cumsum(weight * self._hits)[self._last].astype(np.float64)
        alarms = np.cumsum(weight * self._alarms)[self._last].astype(np.float64)
        return (hits, alarms) if hits[-1] > 0 and alarms[-1] > 0 else None

    def draws(self, resamples: int, seed: int) -> Iterator[Counts]:
        """Yield the counts of each draw that has frames of both kinds."""
        random = np.random.default_rng(seed)
        for _ in range(resamples):
            drawn = random.integers(0, self._videos, self._videos)
            counts = self.counts(np.bincount(drawn, minlength=self._videos))
            if counts is not None:
                yield counts


def _bounds(drawn: Sequence[object] | NDArray[np.float64]) -> NDArray[np.float64]:
    edges = (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE))
    return np.percentile(np.array(drawn), edges, axis=0)


def _curves(counts: Counts, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return recall over false alarm rate and precision over recall [2,G]."""
    hits, alarms = counts
    recall, rate = np.append(0, hits / hits[-1]), np.append(0, alarms / alarms[-1])
    precision = hits / np.maximum(hits + alarms, 1.0)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    reached = np.searchsorted(recall[1:], grid).clip(max=len(best) - 1)
    return np.stack([np.interp(grid, rate, recall), best[reached]])
