"""The figures that reviewers ask for beside AUC, AP and mAP, under their names in metrics.json.

Definitions and sources are those of the functions they come from; one that is not defined of a test
split is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.evaluation.alarm_rates import alarm_rates
from model.evaluation.baselines import length_auc, video_label_auc
from model.evaluation.detection import IOU_THRESHOLDS
from model.evaluation.event_level import match_events
from model.evaluation.metrics import (
    cumulative_counts,
    precision_sum,
    precision_trapezoid,
    recall_at_rate,
)
from model.evaluation.summary import ScoredSplit
from model.evaluation.within import category_aucs, padded_aucs, within_video_aucs

RATES = (0.01, 0.05, 0.1)
"""False alarm rates of frames at which the recall is asked for."""

Figures = dict[str, float | int]
"""Figures by name; those that count something are whole numbers."""

COLLARS = (1.0, 5.0)
"""Seconds that the ends of an alarm may be off."""


def reviewed_figures(split: ScoredSplit, threshold: float) -> Figures:
    """Return each figure by name: shares in [0, 1], counts, frames, seconds, or how many an hour.

    ``threshold`` is the score from which a frame is an alarm, and stands in the names: ``@0.5``.

    Raises:
        ValueError: All frames are of one kind.
    """
    return {
        name: value
        for name, value in [
            *_rankings(split).items(),
            *_alarms(split, threshold).items(),
            *_events(split, threshold).items(),
        ]
        if value is not None
    }


def category_figures(split: ScoredSplit) -> dict[str, float]:
    """Return the AUC over the frames of each anomaly class's videos, by class."""
    labels = [video.item.labels for video in split.videos]
    return category_aucs(split.truths, split.counted_scores, labels, split.classes)


def _rankings(split: ScoredSplit) -> Mapping[str, float | int | None]:
    truths, scores = split.truths, split.counted_scores
    counts = cumulative_counts(np.concatenate(truths), np.concatenate(scores))
    within, by_class = within_video_aucs(truths, scores), list(category_figures(split).values())
    return {
        "ap_step": precision_sum(*counts),
        "ap_trapezoid": precision_trapezoid(counts),
        "within_video_auc": _mean(within),
        "within_video_count": len(within),
        "macro_auc_padded": _mean(padded_aucs(truths, scores)),
        "category_auc": _mean(by_class),
        "category_count": len(by_class),
        "length_auc": length_auc(truths),
        "video_label_auc": video_label_auc(truths),
        **{f"tpr_at_fpr_{rate:g}": recall_at_rate(counts, rate) for rate in RATES},
    }


def _alarms(split: ScoredSplit, threshold: float) -> Mapping[str, float | int | None]:
    rates = alarm_rates(split.truths, split.counted_scores, threshold)
    pairs = zip(split.truths, split.seconds, strict=True)
    hours = sum(seconds for truth, seconds in pairs if not truth.any()) / 3600
    return {
        f"far_normal@{threshold:g}": rates.normal,
        f"far_normal>{threshold:g}": rates.normal_above,
        f"far_all@{threshold:g}": rates.every,
        f"far_anomalous@{threshold:g}": rates.anomalous,
        "normal_videos": rates.normal_videos,
        f"normal_videos_with_alarm@{threshold:g}": rates.videos,
        f"false_events_per_hour_normal@{threshold:g}": rates.events / hours if hours else None,
    }


def _events(split: ScoredSplit, threshold: float) -> Mapping[str, float | int | None]:
    found = match_events(
        truths=split.truths,
        scores=split.counted_scores,
        threshold=threshold,
        rates=[own.rate for own in split.scores],
        collars=COLLARS,
    )
    return {
        "events": found.events,
        f"events_detected@{threshold:g}": len(found.delays),
        f"mean_delay_frames@{threshold:g}": _mean(found.delays.tolist()),
        f"mean_delay_seconds@{threshold:g}": _mean(found.seconds.tolist()),
        **{f"event_f1@{iou:g}": found.f1(iou) for iou in IOU_THRESHOLDS},
        **{f"event_f1_within_{collar:g}s": found.f1_within(collar) for collar in COLLARS},
    }


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
