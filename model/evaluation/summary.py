"""The figures of a scored test split, each under the name it has in ``metrics.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.evaluation.bootstrap import Interval, frame_intervals
from model.evaluation.detection import IOU_THRESHOLDS, detection_metrics
from model.evaluation.false_alarms import AlarmPoint, alarm_curve
from model.evaluation.metrics import average_precision, frame_metrics, frame_truth, roc_auc
from model.evaluation.video_level import class_aucs, confusion, video_table
from stores.records import SEGMENT_FRAMES, Event, EventRule, VideoFeatures, VideoScores


@dataclass(frozen=True, slots=True)
class Details:
    """What stands beside the main figures: how sure they are, class by class, and at what price.

    ``intervals`` are 95 % bootstrap intervals over videos; ``class_auc`` the AUC of each class's
    videos against all others; ``confusion`` counts videos, rows being the truth; ``alarms`` goes
    from the lowest threshold to the highest.
    """

    intervals: dict[str, Interval]
    class_auc: dict[str, float]
    confusion: list[list[int]]
    alarms: list[AlarmPoint]

    def to_json(self) -> dict[str, Any]:
        """Return the details as plain lists and dictionaries."""
        return asdict(self)


def frame_figure(
    test: Sequence[VideoFeatures], scores: Sequence[VideoScores], normal: str, metric: str
) -> float:
    """Return one figure, ``auc`` or ``ap`` over all frames: what the paper's protocol selects by.

    Raises:
        ValueError: All frames are of one kind.
    """
    truth = np.concatenate(truths_of(test, normal))
    score = np.concatenate([s.score[:n] for s, n in zip(scores, counted_frames(test), strict=True)])
    return average_precision(truth, score) if metric == "ap" else roc_auc(truth, score)


def score_metrics(
    test: Sequence[VideoFeatures], scores: Sequence[VideoScores], classes: Sequence[str]
) -> dict[str, float]:
    """Return every figure by name, as fractions in [0, 1].

    Raises:
        ValueError: All frames are of one kind.
    """
    truths = truths_of(test, classes[0])
    each = list(zip(scores, counted_frames(test), strict=True))
    frame = frame_metrics(truths, [s.score[:n] for s, n in each])
    fine = frame_metrics(truths, [1 - s.probabilities[:n, 0] for s, n in each])
    events = [
        _detection_events(v, classes[0], n) for v, n in zip(test, counted_frames(test), strict=True)
    ]
    detection = detection_metrics([s.probabilities[:n] for s, n in each], events, classes)
    figures = {"auc": frame.auc, "ap": frame.ap, "auc_fine": fine.auc, "ap_fine": fine.ap}
    if frame.anomalous_auc is not None and frame.anomalous_ap is not None:
        figures["auc_anomalous_videos"] = frame.anomalous_auc
        figures["ap_anomalous_videos"] = frame.anomalous_ap
    for threshold, value in zip(IOU_THRESHOLDS, detection.anomaly, strict=True):
        figures[f"map@{threshold}"] = float(value)
    figures["map"] = float(detection.anomaly.mean())
    figures["map_published"] = float(np.mean(detection.published))
    return figures


def _detection_events(video: VideoFeatures, normal: str, frames: int) -> Sequence[Event]:
    """Return the events of a test video; a normal one of XD-Violence is one event of class A.

    Only the published mean over all classes sees it: UCF-Crime's truth has no such event.
    """
    if not video.item.events and normal == "A":
        return (Event(0, frames, normal),)
    return video.item.events or ()


def counted_frames(test: Sequence[VideoFeatures]) -> list[int]:
    """Return how many frames of each video count: those past the last segment do not, as published.

    Only a recipe that drops the tail leaves such frames.
    """
    return [min(v.frames, SEGMENT_FRAMES * v.segments.shape[1]) for v in test]


def truths_of(test: Sequence[VideoFeatures], normal: str) -> list[NDArray[np.bool_]]:
    """Return which counted frames of each video are anomalous."""
    return [
        frame_truth(events, frames)
        for events, frames in zip(anomalies_of(test, normal), counted_frames(test), strict=True)
    ]


def class_precisions(
    test: Sequence[VideoFeatures], scores: Sequence[VideoScores], classes: Sequence[str]
) -> dict[str, float]:
    """Return the frame AP of each anomaly class by its own probability; one without frames not."""
    counted = counted_frames(test)
    found = {}
    for index, name in enumerate(classes[1:], start=1):
        truth = np.concatenate(
            [
                frame_truth([e for e in v.item.events or () if e.label == name], n)
                for v, n in zip(test, counted, strict=True)
            ]
        )
        if truth.any():
            own = [s.probabilities[:n, index] for s, n in zip(scores, counted, strict=True)]
            found[name] = average_precision(truth, np.concatenate(own))
    return found


def anomalies_of(test: Sequence[VideoFeatures], normal: str) -> list[list[Event]]:
    """Return the true anomalies of each video."""
    return [[e for e in video.item.events or () if e.label != normal] for video in test]


def hours_of(test: Sequence[VideoFeatures]) -> float:
    """Return the duration of all videos together."""
    return sum(float(video.times[-1]) for video in test) / 3600


def score_details(
    test: Sequence[VideoFeatures],
    scores: Sequence[VideoScores],
    classes: Sequence[str],
    rule: EventRule,
) -> Details:
    """Return the details of a scored test split; ``rule`` says when a score is an event.

    Raises:
        ValueError: All frames are of one kind.
    """
    counted = counted_frames(test)
    own = [s.score[:n] for s, n in zip(scores, counted, strict=True)]
    table = video_table(own, [s.probabilities[:n] for s, n in zip(scores, counted, strict=True)])
    labels = [video.item.labels for video in test]
    anomalies = anomalies_of(test, classes[0])
    return Details(
        intervals=frame_intervals(truths_of(test, classes[0]), own),
        class_auc=class_aucs(table, labels, classes),
        confusion=confusion(table, labels, classes, rule.threshold).tolist(),
        alarms=alarm_curve(own, anomalies, hours_of(test), rule),
    )
