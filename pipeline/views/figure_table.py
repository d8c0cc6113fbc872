"""The figures that reviewers ask for, as the rows of a table: a name, a value, one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from model.evaluation.detection import IOU_THRESHOLDS
from model.evaluation.reviewed import COLLARS, RATES

Row = tuple[str, str, str]
"""What people call it, its value with its unit, and what it is."""

_SHOWN_IOUS = IOU_THRESHOLDS[::2]
_LENGTH_TELLS, _LABELS_TELL = 0.7, 0.9  # 0.5 is guessing; the second leaves nothing to localisation


def figure_rows(figures: Mapping[str, float], threshold: float) -> list[Row]:
    """Return a row for each figure or family of figures that there is, those of rankings first."""
    rows = [*_rankings(figures), *_alarms(figures, threshold), *_events(figures, threshold)]
    return [row for row in rows if row[1]]


def pooled_note(figures: Mapping[str, float]) -> str:
    """Return how little the pooled AUC tells on this test split; nothing where it tells much."""
    length, labels = figures["length_auc"], figures["video_label_auc"]
    if max(length, 1 - length) < _LENGTH_TELLS and labels < _LABELS_TELL:
        return ""
    way = "shorter" if length >= 0.5 else "longer"
    known = f"{100 * max(length, 1 - length):.1f} % by taking {way} videos for anomalous"
    within = figures.get("within_video_auc")
    instead = "" if within is None else f"; within videos it is {100 * within:.1f} %"
    return (
        f"the pooled AUC mostly tells videos apart here: {known}, {100 * labels:.1f} % by perfect "
        f"video labels, without looking at a frame{instead}"
    )


def _rankings(figures: Mapping[str, float]) -> Iterator[Row]:
    videos, classes = figures["within_video_count"], figures["category_count"]
    yield (
        "AUC within videos",
        _percent(figures, ["within_video_auc"]),
        f"mean over the {videos:,} videos with frames of both kinds: is the anomaly found in them?",
    )
    yield (
        "macro AUC, padded",
        _percent(figures, ["macro_auc_padded"]),
        "mean over all videos, each with a frame of score 0 before and 1 after (UBnormal's script)",
    )
    yield (
        "AUC by category",
        _percent(figures, ["category_auc"]),
        f"mean over {classes:,} classes of the AUC among the frames of a class's own videos",
    )
    yield (
        "AP by step / by trapezoid",
        _percent(figures, ["ap_step", "ap_trapezoid"]),
        "the sum of DSANet and VadCLIP / the area of RTFM and UR-DMU; papers call both AP",
    )
    yield (
        f"TPR at FPR {_joined([f'{100 * rate:g}' for rate in RATES])} %",
        _percent(figures, [f"tpr_at_fpr_{rate:g}" for rate in RATES]),
        "anomalous frames found where at most so many normal ones are alarms",
    )
    yield (
        "AUC of length alone / of video labels",
        _percent(figures, ["length_auc", "video_label_auc"]),
        "baselines: shorter videos first / perfect labels of videos, and nothing within",
    )


def _alarms(figures: Mapping[str, float], threshold: float) -> Iterator[Row]:
    at = f"{threshold:g}"
    yield (
        f"FAR, normal videos, ≥ / > {at}",
        _percent(figures, [f"far_normal@{at}", f"far_normal>{at}"]),
        "normal videos' frames that are alarms, as most papers count / as MIST does",
    )
    yield (
        f"FAR, all videos / anomalous ones, ≥ {at}",
        _percent(figures, [f"far_all@{at}", f"far_anomalous@{at}"]),
        "the same share of the normal frames of all videos / of those with an anomaly",
    )
    yield (
        f"normal videos with an alarm, ≥ {at}",
        _percent(figures, [f"normal_videos_with_alarm@{at}"]),
        f"of the {figures['normal_videos']:,} videos without an anomaly",
    )
    hourly = figures.get(f"false_events_per_hour_normal@{at}")
    yield (
        f"false events an hour, ≥ {at}",
        "" if hourly is None else f"{hourly:,.1f}",
        "runs of alarms in normal videos, over their hours; not smoothed",
    )


def _events(figures: Mapping[str, float], threshold: float) -> Iterator[Row]:
    at = f"{threshold:g}"
    yield (
        f"event F1 at IoU {_joined([f'{iou:g}' for iou in _SHOWN_IOUS])}",
        _percent(figures, [f"event_f1@{iou:g}" for iou in _SHOWN_IOUS]),
        f"runs of frames ≥ {at} against true events, matched one to one by temporal IoU",
    )
    yield (
        f"event F1 within {_joined([f'{collar:g}' for collar in COLLARS])} s",
        _percent(figures, [f"event_f1_within_{collar:g}s" for collar in COLLARS]),
        "the same, where both ends of an alarm may be off by so many seconds",
    )
    yield (
        f"events detected, ≥ {at}",
        f"{figures[f'events_detected@{at}']:,} of {figures['events']:,}",
        "true events with an alarm inside",
    )
    frames, seconds = (figures.get(f"mean_delay_{unit}@{at}") for unit in ("frames", "seconds"))
    yield (
        "delay to detection",
        "" if frames is None else f"{seconds:.2f} s ({frames:.1f} frames)",
        "from an event's start to its first alarm, mean over the detected ones alone",
    )


def _percent(figures: Mapping[str, float], names: Sequence[str]) -> str:
    """Return figures in per cent, - for one that is not there; nothing where none is."""
    found = [figures.get(name) for name in names]
    if all(value is None for value in found):
        return ""
    return _joined(["-" if v is None else f"{100 * v:.2f}" for v in found]) + " %"


def _joined(texts: Sequence[str]) -> str:
    return " / ".join(texts)
