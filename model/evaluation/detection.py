"""Detection metrics: are the right stretches of the right videos given the right class?

Mean average precision over temporal IoU as published for this task (reference behaviour), on
intervals. Where the published figure is odd, the plain one stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metrics import Scores
from stores.records import SEGMENT_FRAMES, Event

IOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class DetectionMetrics:
    """Average precision in [0, 1] at each IoU threshold.

    ``per_class`` [5,K] is 0 for a class without events; ``with_events`` [K] says which have any.
    ``silent`` are the classes with no proposal, their probability constant within every video.
    """

    per_class: NDArray[np.float64]
    with_events: NDArray[np.bool_]
    silent: tuple[str, ...]

    @property
    def published(self) -> NDArray[np.float64]:
        """Mean over all K classes [5], normal included, as the literature's tables have it.

        A class without events counts as 0, so a truth that leaves normal videos without an event
        cannot reach 1; and one silent class makes all of it 0.
        """
        return np.zeros(len(IOU_THRESHOLDS)) if self.silent else self.per_class.mean(axis=1)

    @property
    def anomaly(self) -> NDArray[np.float64]:
        """Mean over the anomaly classes that have events [5], a silent one counting as 0.

        Raises:
            ValueError: No anomaly class has an event.
        """
        if not self.with_events[1:].any():
            raise ValueError("no anomaly class has an event, expected at least one")
        return self.per_class[:, 1:][:, self.with_events[1:]].mean(axis=1)


class Proposals(NamedTuple):
    """Stretches of one video proposed as detections, half-open, columns of equal length."""

    label: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    score: NDArray[np.float64]


def detection_metrics(
    probabilities: Sequence[Scores], events: Sequence[Sequence[Event]], classes: Sequence[str]
) -> DetectionMetrics:
    """Return the detection metrics of each video's class probabilities [F,K], normal first.

    Normal videos have no event (UCF-Crime) or one of class 0 over all frames (XD-Violence), which
    only matters to the published figure.

    Raises:
        ValueError: An event has a label that is no class, or the sequences differ in length.
    """
    unknown = {e.label for video in events for e in video} - set(classes)
    if unknown or len(probabilities) != len(events):
        raise ValueError(
            f"got {len(probabilities)} videos with events for {len(events)}, labels that are no "
            f"class: {sorted(unknown)}"
        )
    found = [propose(p) for p in probabilities]
    video = np.repeat(np.arange(len(found)), [len(p.label) for p in found])
    merged = Proposals(*(np.concatenate(column) for column in zip(*found, strict=True)))
    per_class = np.zeros((len(IOU_THRESHOLDS), len(classes)))
    with_events = np.zeros(len(classes), dtype=np.bool_)
    silent = []
    for index, name in enumerate(classes):
        mine = np.flatnonzero(merged.label == index)
        ranking = mine[np.argsort(-merged.score[mine], kind="stable")]
        truth = [[(e.start, e.end) for e in own if e.label == name] for own in events]
        # A proposal elsewhere can hit nothing: it only counts in the ranks of those that can.
        able = np.flatnonzero(np.array([bool(own) for own in truth])[video[ranking]])
        chosen = ranking[able]
        columns = (able + 1, video[chosen], merged.start[chosen], merged.end[chosen])
        ranked = np.stack(columns, axis=1).tolist()
        if not len(ranking):
            silent.append(name)
        with_events[index] = any(truth)
        per_class[:, index] = [_average_precision(ranked, truth, iou) for iou in IOU_THRESHOLDS]
    return DetectionMetrics(per_class, with_events, tuple(silent))


def propose(probabilities: Scores) -> Proposals:
    """Return what a video's class probabilities [F,K] propose, class by class, in order of time.

    A proposal is a run of at least 2 frames strictly above ``max - 0.6 (max - min)`` of the class
    in this video, so a class that varies at all proposes something. Its score is its peak plus
    0.7 times the mean of the class's ⌊F/16⌋ highest frames (of 1 where F < 16). With one threshold
    runs never overlap, so the published non-maximum suppression has nothing to do.
    """
    # Frames of a segment share their row: a sixteenth of the rows says it all.
    first = np.flatnonzero(np.append(True, (probabilities[1:] != probabilities[:-1]).any(axis=1)))
    bounds = np.append(first, len(probabilities))
    columns = np.ascontiguousarray(probabilities[first].T)  # K, distinct rows
    low, high = columns.min(axis=1, keepdims=True), columns.max(axis=1, keepdims=True)
    above = columns > high - 0.6 * (high - low)
    edges = np.diff(np.pad(above, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    label, begin = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    level = _highest_mean(columns, np.diff(bounds), max(len(probabilities) // SEGMENT_FRAMES, 1))
    kept = (bounds[stop] - bounds[begin] >= 2) & (level[label] > 0)
    label, begin, stop = label[kept], begin[kept], stop[kept]
    # All classes in one row, one after the other, so that one call finds every run's peak.
    row = np.append(columns.reshape(-1), -np.inf)
    length = columns.shape[1]
    cuts = np.stack([label * length + begin, label * length + stop], axis=1).reshape(-1)
    peak = np.maximum.reduceat(row, cuts)[::2] if len(cuts) else np.zeros(0)
    score = (peak + 0.7 * level[label]).astype(np.float64)
    return Proposals(label, bounds[begin], bounds[stop], score)


def _highest_mean(
    columns: Scores, counts: NDArray[np.int64], top: int
) -> NDArray[np.floating[Any]]:
    """Return each class's mean over its ``top`` highest frames, [:, i] standing for counts[i]."""
    order = np.argsort(-columns, axis=1)
    reached = np.minimum(np.cumsum(counts[order], axis=1), top)
    weights = np.diff(reached, axis=1, prepend=0)
    highest = np.take_along_axis(columns, order, axis=1)
    return ((highest * weights).sum(axis=1, dtype=np.float64) / top).astype(columns.dtype)


def _average_precision(
    ranked: Sequence[Sequence[int]], truth: Sequence[Sequence[tuple[int, int]]], iou: float
) -> float:
    """Return Σ precision at hits / number of events, best proposal first, each event taken once.

    ``ranked`` holds rank from 1 on, video, start and end of the proposals of videos with an event.
    """
    unmatched = [list(own) for own in truth]
    hits, total = 0, 0.0
    for rank, video, start, end in ranked:
        overlaps = [_iou((start, end), event) for event in unmatched[video]]
        best = max(overlaps, default=0.0)
        if best >= iou:
            unmatched[video].pop(overlaps.index(best))
            hits += 1
            total += hits / rank
    events = sum(map(len, truth))
    return total / events if events else 0.0


def _iou(one: tuple[int, int], other: tuple[int, int]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared / (one[1] - one[0] + other[1] - other[0] - shared) if shared > 0 else 0.0
