"""Moments of videos that resemble a text most, by the features of both alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.scoring.events import end_time
from stores.records import SEGMENT_FRAMES


@dataclass(frozen=True, slots=True)
class Moment:
    """A segment of a video: seconds from its first frame, half-open, and its cosine with a text."""

    video_id: str
    start: float
    end: float
    similarity: float


def similarities(
    segments: NDArray[np.floating[Any]], text: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the cosine [S] of each segment of ``segments`` [C,S,D] with ``text`` [D].

    Of several crops the likest counts: what a text names need not fill the picture. A feature of
    zeros resembles nothing.
    """
    rows, wanted = segments.astype(np.float64), text.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=-1) * np.linalg.norm(wanted)
    cosine: NDArray[np.float64] = (rows @ wanted) / np.maximum(lengths, np.finfo(np.float64).tiny)
    highest: NDArray[np.float64] = cosine.max(axis=0)
    return highest


def best_segments(
    similarity: NDArray[np.float64], starts: NDArray[np.float64], most: int, apart: float
) -> list[int]:
    """Return at most ``most`` segments of one video, the likest first.

    One that starts less than ``apart`` seconds from a likelier one is the same moment. Of equal
    ones the earlier counts.
    """
    chosen: list[int] = []
    free = np.ones(len(similarity), dtype=np.bool_)
    for index in np.argsort(-similarity, kind="stable").tolist():
        if len(chosen) == most:
            break
        if free[index]:
            chosen.append(index)
            free &= np.abs(starts - starts[index]) >= apart
    return chosen


def video_moments(
    video_id: str,
    similarity: NDArray[np.float64],
    times: NDArray[np.float64],
    *,
    most: int,
    apart: float,
) -> list[Moment]:
    """Return the best moments of one video, given the times [F] of its frames."""
    # A segment of published features may lie past the last frame whose time is known.
    first = np.minimum(np.arange(len(similarity)) * SEGMENT_FRAMES, len(times) - 1)
    return [
        Moment(
            video_id=video_id,
            start=float(times[first[index]]),
            end=end_time(times, min(int(first[index]) + SEGMENT_FRAMES, len(times))),
            similarity=float(similarity[index]),
        )
        for index in best_segments(similarity, times[first], most, apart)
    ]


def ranked(moments: Iterable[Moment], most: int) -> list[Moment]:
    """Return the best moments of all videos, the likest first, equal ones by video and time."""
    order = sorted(moments, key=lambda each: (-each.similarity, each.video_id, each.start))
    return order[:most]
