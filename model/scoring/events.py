"""From a score for every frame to events: labelled stretches that a person can look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stores.records import LONGEST_GAP, EventRule, LabelledScores, ScoredEvent, VideoScores
from stores.scores.schema import ScoreHeader


def frame_labels(
    scores: VideoScores, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the class of every frame [F] and its probability [F].

    A frame below the threshold is normal (class 0), any other has its likeliest anomaly class; the
    plain maximum would call a certain anomaly of an uncertain kind normal.
    """
    labels = np.zeros(len(scores.score), dtype=np.intp)
    anomalous = np.flatnonzero(scores.score >= threshold)
    labels[anomalous] = scores.probabilities[anomalous, 1:].argmax(axis=1) + 1
    return labels, scores.probabilities[np.arange(len(labels)), labels]


def label_scores(scores: VideoScores, header: ScoreHeader) -> LabelledScores:
    """Return the scores of one video with the labels and events that the header's rule finds."""
    labels, probability = frame_labels(scores, header.rule.threshold)
    events = tuple(find_events(scores, header.classes, header.rule))
    return LabelledScores(scores, labels.astype(np.int32), probability, events)


def label_all(results: Iterable[VideoScores], header: ScoreHeader) -> list[LabelledScores]:
    """Return :func:`label_scores` of each video."""
    return [label_scores(scores, header) for scores in results]


def find_events(scores: VideoScores, classes: Sequence[str], rule: EventRule) -> list[ScoredEvent]:
    """Return the events of one video in order of time; ``classes[0]`` is normal."""
    events = []
    for start, end in find_runs(scores.score, rule, find_breaks(scores, rule)):
        inside = slice(start, end)
        # A product with ones: a twentieth of the time of a mean along rows this short.
        mass = np.ones(end - start, dtype=np.float32) @ scores.probabilities[inside, 1:]
        label = int(mass.argmax()) + 1
        events.append(
            ScoredEvent(
                start=start,
                end=end,
                start_time=float(scores.times[start]),
                end_time=end_time(scores.times, end, rule.longest_gap),
                label=classes[label],
                peak=float(scores.score[inside].max()),
                mean=float(scores.score[inside].mean()),
            )
        )
    return events


def find_breaks(scores: VideoScores, rule: EventRule) -> list[int]:
    """Return the frames before which the footage breaks off: a gap, or a step of the clock.

    Gaps follow from the times alone.
    """
    gaps = np.flatnonzero(np.diff(scores.times) > rule.longest_gap) + 1
    return sorted({*gaps.tolist(), *scores.clock_steps})


def find_runs(
    score: NDArray[np.floating[Any]], rule: EventRule, breaks: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """Return the half-open runs of frames of a score [F] that ``rule`` takes for events.

    ``breaks`` are the frames, ascending, that no run goes on over.
    """
    runs = []
    for first, last in pairwise([0, *breaks, score.shape[0]]):
        stretch = score[first:last]
        held = stretch >= rule.threshold * rule.release
        edges = np.flatnonzero(np.diff(np.pad(held, 1).astype(np.int8)))
        runs += [
            (first + int(start), first + int(end))
            for start, end in edges.reshape(-1, 2)
            if end - start >= min(rule.minimum_frames, last - first)
            and stretch[start:end].max() >= rule.threshold
        ]
    return runs


def end_time(times: NDArray[np.float64], end: int, longest_gap: float = LONGEST_GAP) -> float:
    """Return when frame ``end`` begins; past the last frame, one more frame of the same length.

    A gap before frame ``end`` does not count, as if the video ended there.
    """
    if end < times.shape[0] and times[end] - times[end - 1] <= longest_gap:
        return float(times[end])
    step = times[end - 1] - times[end - 2] if end > 1 else 0.0
    return float(times[end - 1] + (step if step <= longest_gap else 0.0))


def shown_seconds(times: NDArray[np.float64], longest_gap: float = LONGEST_GAP) -> float:
    """Return how long a video shows something, to the beginning of its last frame."""
    steps = np.diff(times)
    return float(times[-1] - times[0] - steps[steps > longest_gap].sum())
