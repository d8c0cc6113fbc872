"""Metrics of made-up predictions on the published truth (SPEC section 7)."""

import json
from dataclasses import dataclass

import numpy as np
from model_checks import CLASSES

from model.evaluation.detection import IOU_THRESHOLDS, detection_metrics
from model.evaluation.metrics import average_precision, frame_truth, roc_auc
from stores.records import SEGMENT_FRAMES, Event

# The published evaluation without normal videos keeps the predictions of the first so many.
ANOMALOUS_VIDEOS = {"ucf": 140, "xd": 500}


@dataclass
class Video:
    """One published test video: its frame truth, and the segments that mAP is computed from."""

    name: str
    normal: bool
    annotated: list
    segments: list
    snippets: int


def check(golden, report):
    expected = golden.json("eval")
    for name in CLASSES:
        videos = load_videos(golden, name)
        predictions = [predict(golden, name, video) for video in videos]
        entries = {k: v for k, v in expected.items() if k.startswith(f"{name}_")}
        if not entries:
            raise KeyError(f"eval.json has no entry for {name}")
        for entry, values in entries.items():
            chosen = range(len(videos))
            if "_small" in entry:
                chosen = [v["index"] for v in expected[f"{name}_small"]["videos"]]
            picked = [(videos[i], *predictions[i]) for i in chosen]
            if entry.endswith("class3_constant"):
                picked = [(v, constant_column(p), s) for v, p, s in picked]
            check_entry(report, name, entry, picked, values)


def load_videos(golden, name):
    annotated = dict(annotations(golden, name))
    rows = json.loads((golden.data / name / "segments_test.json").read_text())
    return [build_video(golden, row, annotated.get(row["video"], [])) for row in rows]


def build_video(golden, row, annotated):
    segments = list(zip(row["segments"], row["segment_labels"], strict=True))
    normal = row["segment_labels"] == ["A"]
    if normal:
        snippets = row["segments"][0][1] // SEGMENT_FRAMES
    else:
        last = max(end for _, end in row["segments"] + annotated)
        extra = golden.random(f"len:{row['video']}").integers(3, 61)
        snippets = last // SEGMENT_FRAMES + 1 + int(extra)
    return Video(row["video"], normal, annotated, segments, snippets)


def annotations(golden, name):
    """Yield name and frame pairs of each annotated video."""
    folder = golden.data / name
    if name == "ucf":
        for line in (folder / "Temporal_Anomaly_Annotation.txt").read_text().splitlines():
            video, _, *numbers = line.split()
            frames = [int(n) for n in numbers]
            pairs = [p for p in zip(frames[::2], frames[1::2], strict=True) if p[0] >= 0]
            yield video.removesuffix(".mp4"), pairs
    else:
        for line in (folder / "annotations.txt").read_text().splitlines():
            video, *numbers = line.split()
            frames = [int(n) for n in numbers]
            pairs = list(zip(frames[::2], frames[1::2], strict=True))
            yield video.removesuffix(".mp4"), pairs


def predict(golden, name, video):
    """Return made-up class probabilities [S,K] and scores [S] of one video."""
    classes, count = CLASSES[name], video.snippets
    random = golden.random(f"pred:{video.name}")
    noise = random.random((count, len(classes)))
    rows = np.arange(count)
    smooth = sum(noise[np.clip(rows + shift, 0, count - 1)] for shift in range(-3, 4)) / 7
    bumps = np.zeros((count, len(classes)))
    if video.normal:
        draw = random.random(4)
        if draw[0] < 0.25:
            start = int(draw[1] * count)
            end = min(count, start + 2 + int(draw[2] * count / 4))
            bumps[start:end, 1 + int(draw[3] * (len(classes) - 1))] += 0.8
    else:
        for (first, last), label in video.segments:
            add_bump(bumps, random.random(5), first, last, classes.index(label))
    values = 0.6 * smooth + bumps
    peak = values[:, 1:].max(axis=1) ** 2
    abnormal = peak / (peak + 0.5)
    weights = (values[:, 1:] ** 2) ** 2
    anomalies = abnormal[:, None] * weights / weights.sum(axis=1, keepdims=True)
    probabilities = np.concatenate([1 - abnormal[:, None], anomalies], axis=1).astype(np.float32)
    score = (0.8 * abnormal + 0.2 * random.random(count)).astype(np.float32)
    return probabilities, score


def add_bump(bumps, draw, first, last, label):
    """Raise one class around one segment, sometimes another class, sometimes none."""
    count, classes = bumps.shape
    if draw[0] < 0.15:
        return
    if draw[1] < 0.2:
        label = 1 + int(draw[4] * (classes - 1))
    length = last - first
    first += int((draw[2] - 0.5) * 0.8 * length)
    last += int((draw[3] - 0.5) * 0.8 * length)
    start = min(max(first // SEGMENT_FRAMES, 0), count - 2)
    end = min(max(-(-last // SEGMENT_FRAMES), start + 2), count)
    bumps[start:end, label] += 0.4 + 0.6 * draw[4]


def constant_column(probabilities):
    changed = probabilities.copy()
    changed[:, 3] = 0.125
    return changed


def check_entry(report, name, entry, picked, values):
    def close(field, ours, tolerance):
        report.close(f"eval/{entry}: {field}", ours, values[field], tolerance)

    videos, per_segment, segment_scores = zip(*picked, strict=True)
    probabilities = [np.repeat(p, SEGMENT_FRAMES, axis=0) for p in per_segment]
    score = np.concatenate([np.repeat(s, SEGMENT_FRAMES) for s in segment_scores])
    truth = np.concatenate(
        [
            frame_truth([Event(a, b, "") for a, b in v.annotated], v.snippets * SEGMENT_FRAMES)
            for v in videos
        ]
    )
    close("frames", len(truth), 0)
    close("positive_frames", int(truth.sum()), 0)
    # Sums say whether the predictions are the same ones, which is not what is judged here.
    close("sum_class_probs", sum(p[:, 1:].sum(dtype=float) for p in per_segment), 1e-2)
    close("sum_score", sum(s.sum(dtype=float) for s in segment_scores), 1e-2)
    abnormal = 1 - np.concatenate([p[:, 0] for p in probabilities])
    close("auc_score", roc_auc(truth, score), 1e-6)
    close("ap_score", average_precision(truth, score), 1e-6)
    close("auc_prob2", roc_auc(truth, abnormal), 1e-6)
    close("ap_prob2", average_precision(truth, abnormal), 1e-6)

    if entry.endswith("excludeNormal"):
        kept = ANOMALOUS_VIDEOS[name]
        probabilities[kept:] = [np.zeros_like(p) for p in probabilities[kept:]]
    classes = CLASSES[name]
    # UCF's normal videos are labelled 'A', which is none of its classes.
    events = [[Event(*s, label) for s, label in v.segments if label in classes] for v in videos]
    found = detection_metrics(probabilities, events, classes)
    report.close(f"eval/{entry}: iou", IOU_THRESHOLDS, values["iou"], 1e-12)
    close("map", 100 * found.published, 1e-3)
    close("map_avg", 100 * found.published.mean(), 1e-3)
    for row, (iou, expected) in zip(found.per_class, values["per_class_ap"].items(), strict=False):
        report.close(f"eval/{entry}: per_class_ap at {iou}", row, expected, 1e-5)
