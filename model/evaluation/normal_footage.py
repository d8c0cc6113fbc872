"""Footage of which is only known that nothing happened: every event in it is a false alarm.

How many there are is found exactly for every threshold at once, and how well so many alarms in so
many hours tell a rate is the interval of a Poisson process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from model.evaluation.metrics import Scores
from stores.records import EventRule

_STEP = 2.0**-22  # float32 scores are compared with float32 thresholds: two of their steps
_LEAST = 1e-6  # a threshold: the share of a smaller one that holds an event may be 0 in float32


@dataclass(frozen=True, slots=True)
class AlarmSpans:
    """The thresholds for which stretches of footage are alarms, in columns of equal length.

    A row is a stretch of so many ``frames`` that is one alarm for thresholds over ``above`` and at
    most ``up_to``; at any threshold there are as many alarms as rows that hold it.
    """

    above: NDArray[np.float64]
    up_to: NDArray[np.float64]
    frames: NDArray[np.int64]

    @classmethod
    def joined(cls, spans: Iterable[AlarmSpans]) -> AlarmSpans:
        """Return those of all videos together."""
        rows = [np.stack([s.above, s.up_to, s.frames]) for s in spans]
        above, up_to, frames = np.concatenate([np.zeros((3, 0)), *rows], axis=1)
        return cls(above, up_to, frames.astype(np.int64))

    def at(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many alarms there are at each threshold, and their frames together."""
        begun, held = self._from(self.up_to, thresholds)
        over, gone = self._from(self.above, thresholds)
        return begun - over, held - gone

    def _from(
        self, edge: NDArray[np.float64], thresholds: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many rows have this edge at each threshold or higher, and their frames."""
        order = np.argsort(edge)
        first = np.searchsorted(edge[order], thresholds, side="left").astype(np.int64)
        below = np.concatenate([[0], np.cumsum(self.frames[order])]).astype(np.int64)
        return len(edge) - first, below[-1] - below[first]


def alarm_spans(score: Scores, rule: EventRule, breaks: Sequence[int] = ()) -> AlarmSpans:
    """Return at which thresholds a score [F] gives which alarms, by the rest of a rule.

    ``breaks`` are the frames, ascending, that no alarm goes on over.
    """
    rows: list[tuple[float, float, int]] = []
    for first, last in pairwise([0, *breaks, len(score)]):
        if last > first:
            stretch = np.asarray(score[first:last], dtype=np.float64)
            rows += _spans(stretch, min(rule.minimum_frames, last - first), rule.release)
    above, up_to, frames = np.asarray(rows, dtype=np.float64).reshape(-1, 3).T
    return AlarmSpans(above, up_to, frames.astype(np.int64))


def _spans(
    stretch: NDArray[np.float64], shortest: int, release: float
) -> list[tuple[float, float, int]]:
    """Return the spans of one stretch without breaks as (above, up to, frames).

    The level that holds frames is lowered from the highest score to the lowest. Islands appear,
    grow and meet; between two changes an island is an alarm for the thresholds of these levels, but
    for those above its peak.
    """
    if not release:  # every frame is held
        return [(-1.0, float(stretch.max()), len(stretch))]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(stretch)) + 1, [len(stretch)]])
    values = stretch[edges[:-1]].tolist()  # of runs of equal scores: segments are
    lengths = np.diff(edges).tolist()
    bound = [-1] * len(values)  # the other end of the island that ends here; -1 outside of one
    islands: dict[int, tuple[float, int, float]] = {}  # by its left end: peak, frames, level
    rows: list[tuple[float, float, int]] = []

    def close(left: int, level: float) -> tuple[float, int]:
        peak, frames, formed = islands.pop(left)
        above, up_to = level / release, min(peak, formed / release)
        if frames >= shortest and up_to > above:
            rows.append((above, up_to, frames))
        return peak, frames

    for number in np.argsort(-stretch[edges[:-1]], kind="stable").tolist():
        value, left, right = values[number], number, number
        peak, frames = value, lengths[number]
        if number and bound[number - 1] >= 0:
            left = bound[number - 1]
            other, more = close(left, value)
            peak, frames = max(peak, other), frames + more
        if number + 1 < len(values) and bound[number + 1] >= 0:
            right = bound[number + 1]
            other, more = close(number + 1, value)
            peak, frames = max(peak, other), frames + more
        bound[left], bound[right] = right, left  # what lies between them is not looked at again
        islands[left] = (peak, frames, value)
    for left in list(islands):
        close(left, -1.0)
    return rows


def lowest_threshold(spans: AlarmSpans, most: int, most_frames: float) -> tuple[float, float]:
    """Return the lowest threshold with at most so many alarms and frames in alarm, as all above.

    The second figure is the threshold that is one step too low. Frames are limited, for far down
    alarms run together until each video is one.

    Raises:
        ValueError: Even the highest scores are more alarms.
    """
    levels = np.unique(spans.up_to)[::-1]
    counts, frames = spans.at(levels)
    too_many = np.flatnonzero((counts > most) | (frames > most_frames))
    bound = float(levels[too_many[0]]) if len(too_many) else 0.0
    above = float(np.nextafter(np.float32(bound * (1 + _STEP)), np.float32(2)))
    threshold = max(above, _LEAST)
    if threshold > 1:
        raise ValueError(
            f"no threshold has {most} alarms or fewer: {counts[too_many[0]]} reach a score of 1, "
            "which is the highest; allow more, or see whether something happened there after all"
        )
    return threshold, bound


def poisson_interval(count: int, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a rate of which ``count`` were seen in so much exposure.

    Garwood's ("Fiducial limits for the Poisson distribution", Biometrika 1936): both tails hold
    half of what confidence leaves, so none seen in 1 hour still leaves up to 3.69 an hour.
    """
    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low / exposure, float(gammaincinv(count + 1, 1 - tail)) / exposure
