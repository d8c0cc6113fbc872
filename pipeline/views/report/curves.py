"""Frame scores in the forms that the pages draw: runs of equal values, peaks, and base64 arrays.

Pure functions on arrays. A model scores segments, so frames come in runs of equal values; kept as
runs, scores are as exact as in the Parquet files and a sixteenth as large.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stores.records import VideoScores

PIECE_FRAMES = 1 << 16
"""Frames in one piece of a video, the unit that a page loads: 36 minutes at 30 frames a second."""

OVERVIEW_BUCKETS = 1500
"""Stretches of the curve of a whole long video: more than a page has columns to draw them in."""

_STRENGTH_BUCKETS = 600  # of the class bands, which are coarser than the curve
_EVEN = 1e-6  # seconds that a frame may lie off an even step: the rounding of the file's own clock


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive frames of a video at full resolution, as runs in which nothing changes.

    ``first`` is the piece's first frame; ``lengths`` (uint32) the frames of each run, ``scores``
    (float32) its score, ``classes`` (float32, one row a run) its probabilities. ``times`` (float64)
    are the seconds of every frame, or empty where they are ``start`` plus even steps.
    All arrays are little-endian in base64.
    """

    first: int
    frames: int
    lengths: str
    scores: str
    classes: str
    start: float
    step: float
    times: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The curve of a long video with all its peaks and dips, and how strong each class is.

    ``times`` and ``scores`` are points of the curve; ``strengths`` (uint8, one row a stretch of
    ``stretch_times``) each class's highest probability there, 255 for 1, in base64.
    """

    times: list[float]
    scores: list[float]
    stretch_times: list[float]
    strengths: str


def pieces(scores: VideoScores) -> Iterator[Piece]:
    """Yield the pieces of a video in order; together they hold every value of it."""
    for first in range(0, len(scores.score), PIECE_FRAMES):
        inside = slice(first, first + PIECE_FRAMES)
        score = scores.score[inside]
        probabilities = scores.probabilities[inside]
        starts = run_starts(score, probabilities)
        times = scores.times[inside]
        start, step, is_even = _even_steps(times)
        yield Piece(
            first=first,
            frames=len(score),
            lengths=_encode(np.diff(np.append(starts, len(score))).astype("<u4")),
            scores=_encode(score[starts].astype("<f4")),
            classes=_encode(probabilities[starts].astype("<f4")),
            start=start,
            step=step,
            times="" if is_even else _encode(times.astype("<f8")),
        )


def overview(scores: VideoScores) -> Overview | None:
    """Return the curve of a whole video of several pieces, None for one that fits into one."""
    frames = scores.score.shape[0]
    if frames <= PIECE_FRAMES:
        return None
    points = extremes(scores.score, OVERVIEW_BUCKETS)
    starts = _bucket_starts(frames, _STRENGTH_BUCKETS)
    strengths = np.maximum.reduceat(scores.probabilities, starts, axis=0)
    edges = np.append(scores.times[starts], scores.times[-1])
    return Overview(
        times=[round(float(time), 3) for time in scores.times[points]],
        scores=[round(float(score), 5) for score in scores.score[points]],
        stretch_times=[round(float(time), 3) for time in edges],
        strengths=_encode(np.rint(strengths * 255).astype(np.uint8)),
    )


def run_starts(score: NDArray[np.float32], probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return where a frame's score [F] or probabilities [F,K] differ from those before, and 0."""
    changes = (score[1:] != score[:-1]) | (probabilities[1:] != probabilities[:-1]).any(axis=1)
    return np.append(0, np.flatnonzero(changes) + 1)


def extremes(score: NDArray[np.float32], buckets: int) -> NDArray[np.intp]:
    """Return the frames of the lowest and the highest score of each bucket, in order of time.

    The first and the last frame are among them, so that a curve spans the whole video.
    """
    chosen = [0, len(score) - 1]
    for start, end in pairwise([*_bucket_starts(len(score), buckets), len(score)]):
        inside = score[start:end]
        chosen += [start + int(inside.argmin()), start + int(inside.argmax())]
    return np.unique(np.asarray(chosen))


def sparkline(score: NDArray[np.float32], buckets: int) -> list[int]:
    """Return the highest score of each bucket in per cent; fewer where there are fewer frames."""
    highest = np.maximum.reduceat(score, _bucket_starts(len(score), buckets))
    return [int(value) for value in np.rint(highest * 100)]


def _bucket_starts(frames: int, buckets: int) -> NDArray[np.intp]:
    return np.unique(np.arange(buckets) * frames // buckets)


def _even_steps(times: NDArray[np.float64]) -> tuple[float, float, bool]:
    """Return the first time, the mean step, and whether every frame lies on that line."""
    start = float(times[0])
    step = (float(times[-1]) - start) / (len(times) - 1) if len(times) > 1 else 0.0
    even = start + step * np.arange(len(times))
    return start, step, bool(np.abs(times - even).max() <= _EVEN)


def _encode(values: NDArray[np.generic]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
