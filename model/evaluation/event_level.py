"""Events against alarms: how many are found, how well they are cut out, and how late.

A true event is a run of anomalous frames, an alarm a run of frames whose score reaches a threshold,
neither smoothed nor joined: papers adapt such figures from action localisation and sound events,
each with its own clean-up, so these are those of the plain scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from model.evaluation.alarm_rates import runs_of
from model.evaluation.metrics import Scores, Truth

Bounds = NDArray[np.int64]
"""Starts and ends of runs of one video, [n,2], half-open."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Events and alarms of a test set.

    ``overlaps`` are the temporal IoUs of the pairs that were matched one to one, best first (of
    equal ones the earlier event, then the earlier alarm); ``within`` counts pairs by collar.
    ``delays`` are frames, and ``seconds`` the same in seconds, from an event's start to the first
    alarm inside it, of the events that have one.
    """

    events: int
    alarms: int
    overlaps: NDArray[np.float64]
    within: dict[float, int]
    delays: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def counts(self, iou: float) -> tuple[int, int, int]:
        """Return hits, false alarms and misses, where a hit has this IoU or more."""
        hits = int((self.overlaps >= iou).sum())
        return hits, self.alarms - hits, self.events - hits

    def f1(self, iou: float) -> float:
        """Return 2 hits / (alarms + events) at an IoU; 0 where there is neither."""
        return self._f1(self.counts(iou)[0])

    def f1_within(self, collar: float) -> float:
        """Return the same, where a hit has both its ends within ``collar`` seconds of an event's.

        Pairs are as many as can be made one to one.
        """
        return self._f1(self.within[collar])

    def _f1(self, hits: int) -> float:
        return 2 * hits / max(self.alarms + self.events, 1)


def match_events(
    truths: Sequence[Truth],
    scores: Sequence[Scores],
    threshold: float,
    rates: Sequence[float],
    collars: Sequence[float] = (),
) -> Matches:
    """Return what alarms at a threshold find of the events.

    Args:
        truths: Truth [F] of each video.
        scores: Score [F] of each video.
        threshold: From which score on a frame is an alarm.
        rates: Frames a second of each video.
        collars: Seconds, each the most that both ends of a hit may be off.
    """
    events = alarms = 0
    overlaps: list[float] = []
    within = dict.fromkeys(collars, 0)
    delays, seconds = [np.zeros(0)], [np.zeros(0)]
    for truth, score, rate in zip(truths, scores, rates, strict=True):
        alarm = score >= threshold
        true, found = _bounds(truth), _bounds(alarm)
        events, alarms = events + len(true), alarms + len(found)
        if len(true) and len(found):
            overlaps += _matched_overlaps(true, found)
            for collar in collars:
                within[collar] += _pairs_within(true, found, collar * rate)
            late = _delays(true, alarm)
            delays.append(late)
            seconds.append(late / rate)
    return Matches(
        events=events,
        alarms=alarms,
        overlaps=np.array(overlaps),
        within=within,
        delays=np.concatenate(delays),
        seconds=np.concatenate(seconds),
    )


def _bounds(flags: Truth) -> Bounds:
    return np.array(runs_of(flags), dtype=np.int64).reshape(-1, 2)


def _matched_overlaps(true: Bounds, found: Bounds) -> list[float]:
    """Return the IoUs of one video's pairs, matched one to one from the highest IoU down.

    Those of a threshold are the pairs that reach it: what is matched first does not depend on it.
    """
    starts = np.maximum(true[:, :1], found[:, 0])
    shared = np.maximum(np.minimum(true[:, 1:], found[:, 1]) - starts, 0)
    lengths = np.diff(true), np.diff(found)[:, 0]
    overlap = shared / (lengths[0] + lengths[1] - shared)
    rows, columns = np.nonzero(shared)
    taken: tuple[set[int], set[int]] = (set(), set())
    matched = []
    for index in np.argsort(-overlap[rows, columns], kind="stable").tolist():
        row, column = int(rows[index]), int(columns[index])
        if row not in taken[0] and column not in taken[1]:
            taken[0].add(row)
            taken[1].add(column)
            matched.append(float(overlap[row, column]))
    return matched


def _pairs_within(true: Bounds, found: Bounds, collar: float) -> int:
    """Return the most one-to-one pairs whose ends are both ``collar`` frames apart or less."""
    apart = np.abs(true[:, np.newaxis] - found).max(axis=2)
    fits = csr_array((apart <= collar).astype(np.int8))
    return int((maximum_bipartite_matching(fits) >= 0).sum())


def _delays(true: Bounds, alarm: Truth) -> NDArray[np.float64]:
    """Return the frames from the start of each event to its first alarm, if it has one."""
    at = np.flatnonzero(alarm)
    first = np.searchsorted(at, true[:, 0])
    reached = first < len(at)
    frame = at[np.minimum(first, len(at) - 1)]
    detected = reached & (frame < true[:, 1])
    return (frame - true[:, 0])[detected].astype(np.float64)
