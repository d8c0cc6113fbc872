"""The metrics of a scored test split, each under the name it has in ``metrics.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.evaluation.bootstrap import Interval, frame_intervals
from model.evaluation.detection import IOU_THRESHOLDS, detection_metrics
from model.evaluation.false_alarms import AlarmPoint, alarm_curve
from model.evaluation.metrics import (
    Scores,
    Truth,
    average_precision,
    frame_metrics,
    frame_truth,
    roc_auc,
)
from model.evaluation.video_level import class_aucs, confusion, video_table
from model.scoring.events import find_breaks, shown_seconds
from stores.records import SEGMENT_FRAMES, Event, EventRule, VideoFeatures, VideoScores

HEADLINE = {"frame AUC": "auc", "frame AP": "ap", "mAP@IoU 0.1-0.5": "map"}
"""The metrics that stand for all of them in one line, by what people call them."""


@dataclass(frozen=True)
class ScoredSplit:
    """A test split with its scores; ``classes[0]`` is normal.

    ``normal_is_event``: a normal video counts as one event of the normal class, which only the
    published mean over all classes sees. Frames past a video's last segment do not count, as
    published; only a recipe that drops the tail leaves any.
    """

    videos: Sequence[VideoFeatures]
    scores: Sequence[VideoScores]
    classes: Sequence[str]
    normal_is_event: bool = False

    @cached_property
    def counted(self) -> list[int]:
        """How many frames of each video count."""
        return [min(v.frames, SEGMENT_FRAMES * v.segments.shape[1]) for v in self.videos]

    @cached_property
    def counted_scores(self) -> list[Scores]:
        """The score of each video's counted frames."""
        return [s.score[:n] for s, n in zip(self.scores, self.counted, strict=True)]

    @cached_property
    def counted_probabilities(self) -> list[Scores]:
        """The class probabilities of each video's counted frames."""
        return [s.probabilities[:n] for s, n in zip(self.scores, self.counted, strict=True)]

    @cached_property
    def fine_scores(self) -> list[Scores]:
        """What the class probabilities of each video's counted frames leave to anomalies."""
        return [1 - p[:, 0] for p in self.counted_probabilities]

    @cached_property
    def anomalies(self) -> list[list[Event]]:
        """The true anomalies of each video."""
        normal = self.classes[0]
        return [[e for e in v.item.events or () if e.label != normal] for v in self.videos]

    @cached_property
    def truths(self) -> list[Truth]:
        """Which counted frames of each video are anomalous."""
        return [frame_truth(e, n) for e, n in zip(self.anomalies, self.counted, strict=True)]

    @cached_property
    def seconds(self) -> list[float]:
        """The duration of what each video shows."""
        return [shown_seconds(video.times) for video in self.videos]

    @cached_property
    def breaks(self) -> list[list[int]]:
        """Where the counted footage of each video breaks off."""
        pairs = zip(self.scores, self.counted, strict=True)
        return [[at for at in find_breaks(own, EventRule()) if at < n] for own, n in pairs]

    @property
    def hours(self) -> float:
        """The duration of all videos together."""
        return sum(self.seconds) / 3600


@dataclass(frozen=True, slots=True)
class Details:
    """What stands beside the main metrics: how sure they are, class by class, and at what price.

    ``class_auc`` is of each class's videos against all others; ``confusion`` counts videos, rows
    being the truth; ``alarms`` goes from the lowest threshold to the highest.
    """

    intervals: dict[str, Interval]
    class_auc: dict[str, float]
    confusion: list[list[int]]
    alarms: list[AlarmPoint]


def frame_metric(split: ScoredSplit, metric: str, *, fine: bool = False) -> float:
    """Return ``auc`` or ``ap`` over all frames, which the paper's protocol selects by.

    ``fine``: of what the class probabilities leave to anomalies, instead of the score.

    Raises:
        ValueError: All frames are of one kind.
    """
    truth = np.concatenate(split.truths)
    score = np.concatenate(split.fine_scores if fine else split.counted_scores)
    return average_precision(truth, score) if metric == "ap" else roc_auc(truth, score)


def score_metrics(split: ScoredSplit) -> dict[str, float]:
    """Return every metric by name, as fractions in [0, 1].

    Raises:
        ValueError: All frames are of one kind.
    """
    frame = frame_metrics(split.truths, split.counted_scores)
    fine = frame_metrics(split.truths, split.fine_scores)
    events = [
        video.item.events or ([Event(0, frames, split.classes[0])] if split.normal_is_event else [])
        for video, frames in zip(split.videos, split.counted, strict=True)
    ]
    detection = detection_metrics(split.counted_probabilities, events, split.classes)
    metrics = {"auc": frame.auc, "ap": frame.ap, "auc_fine": fine.auc, "ap_fine": fine.ap}
    if frame.anomalous_auc is not None and frame.anomalous_ap is not None:
        metrics["auc_anomalous_videos"] = frame.anomalous_auc
        metrics["ap_anomalous_videos"] = frame.anomalous_ap
    by_iou = zip(IOU_THRESHOLDS, detection.anomaly.tolist(), strict=True)
    metrics |= {f"map@{threshold}": value for threshold, value in by_iou}
    metrics["map"] = float(detection.anomaly.mean())
    metrics["map_published"] = float(np.mean(detection.published))
    return metrics


def class_precisions(split: ScoredSplit) -> dict[str, float]:
    """Return the frame AP of each anomaly class by its own probability; one without frames not."""
    found = {}
    for index, name in enumerate(split.classes[1:], start=1):
        events = [[e for e in own if e.label == name] for own in split.anomalies]
        pairs = zip(events, split.counted, strict=True)
        truth = np.concatenate([frame_truth(own, frames) for own, frames in pairs])
        if truth.any():
            score = np.concatenate([p[:, index] for p in split.counted_probabilities])
            found[name] = average_precision(truth, score)
    return found


def score_details(split: ScoredSplit, rule: EventRule) -> Details:
    """Return the details of a scored test split; errors as for :func:`score_metrics`."""
    table = video_table(split.counted_scores, split.counted_probabilities)
    labels = [video.item.labels for video in split.videos]
    return Details(
        intervals=frame_intervals(split.truths, split.counted_scores),
        class_auc=class_aucs(table, labels, split.classes),
        confusion=confusion(table, labels, split.classes, rule.threshold).tolist(),
        alarms=alarm_curve(
            split.counted_scores, split.anomalies, split.hours, rule, breaks=split.breaks
        ),
    )
