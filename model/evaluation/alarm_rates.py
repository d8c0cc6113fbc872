"""Shares of normal frames and videos that raise an alarm: a frame whose score reaches a threshold.

Papers mean different sets of frames by "false alarm rate", so each has a name of its own here. A
normal video is one without a true anomaly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.evaluation.metrics import Scores, Truth


@dataclass(frozen=True, slots=True)
class AlarmRates:
    """Shares in [0, 1] at one threshold, None where there is nothing that they are shares of.

    ``normal`` of the frames of normal videos score at least the threshold (FAR of PEL4VAD and
    Fed_WSVAD), ``normal_above`` of them more (MIST), ``every`` of all normal frames and
    ``anomalous`` of those of the other videos. ``videos`` of the ``normal_videos`` have an alarm;
    ``events`` counts runs of alarms in them.
    """

    normal: float | None
    normal_above: float | None
    every: float | None
    anomalous: float | None
    videos: float | None
    normal_videos: int
    events: int


def alarm_rates(truths: Sequence[Truth], scores: Sequence[Scores], threshold: float) -> AlarmRates:
    """Return the rates, given one truth [F] and one score [F] a video."""
    is_normal = [not truth.any() for truth in truths]
    quiet = [score for score, normal in zip(scores, is_normal, strict=True) if normal]
    others = [
        score[~truth]
        for score, truth, normal in zip(scores, truths, is_normal, strict=True)
        if not normal
    ]
    of_normal, of_others = _pooled(quiet), _pooled(others)
    alarmed = [score >= threshold for score in quiet]
    return AlarmRates(
        normal=_share(of_normal >= threshold),
        normal_above=_share(of_normal > threshold),
        every=_share(np.concatenate([of_normal, of_others]) >= threshold),
        anomalous=_share(of_others >= threshold),
        videos=_share(np.array([own.any() for own in alarmed], dtype=np.bool_)),
        normal_videos=len(quiet),
        events=sum(len(runs_of(own)) for own in alarmed),
    )


def runs_of(alarms: Truth) -> list[tuple[int, int]]:
    """Return the half-open runs of frames that are True, in order."""
    edges = np.flatnonzero(np.diff(np.pad(alarms, 1).astype(np.int8)))
    return [(start, end) for start, end in edges.reshape(-1, 2).tolist()]


def _pooled(scores: Sequence[Scores]) -> Scores:
    return np.concatenate([np.zeros(0, dtype=np.float32), *scores])


def _share(flags: Truth) -> float | None:
    return float(flags.mean()) if len(flags) else None
