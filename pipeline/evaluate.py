"""Evaluation: a data set's test split scored from its features, and compared with its truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.checkpoint import Checkpoint, Provenance, device_named, load_checkpoint
from model.detection import IOU_THRESHOLDS, detection_metrics
from model.metrics import average_precision, frame_metrics, frame_truth, roc_auc
from pipeline.features import open_features, read_videos, videos_of
from pipeline.scorer import scorer_of
from pipeline.settings import EvaluateRun
from stores.catalog import Catalog
from stores.commit import commit_text, exclusive
from stores.datasets import base
from stores.events import EventRule
from stores.records import SEGMENT_FRAMES, Event, StoreError, VideoFeatures, VideoScores
from stores.results import clear_others
from stores.scores import ScoreHeader, write_scores


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """The figures of an evaluation, and where its scores lie as Parquet."""

    checkpoint: Path
    dataset: str
    folder: Path
    videos: int
    frames: int
    missing: tuple[str, ...]
    metrics: dict[str, float]


def evaluate(run: EvaluateRun) -> EvaluateReport:
    """Evaluate a checkpoint and commit scores and ``metrics.json`` to OUT/<dataset>/evaluation.

    Raises:
        StoreError: No checkpoint or features, features of another recipe than the checkpoint's, or
            a test split without truth.
        ValueError: All frames are of one kind: no metric is defined.
    """
    path = run.checkpoint or latest_checkpoint(run.out)
    checkpoint = load_checkpoint(path)
    dataset = base.load(run.dataset or checkpoint.provenance.dataset)
    catalog = open_features(run.out, dataset)
    scorer = scorer_of(checkpoint, device_named(run.device))
    test = load_test(catalog, checkpoint.provenance)
    scores = [scorer.score(video) for video in test]
    metrics = score_metrics(test, scores, checkpoint.provenance.classes)
    folder = run.out / dataset.name / "evaluation"
    _write(folder, checkpoint, scores)
    missing = tuple(
        sorted(key for key, failed in catalog.failures.items() if failed.item.split == "test")
    )
    report = EvaluateReport(
        checkpoint=path,
        dataset=dataset.name,
        folder=folder,
        videos=len(test),
        frames=sum(video.frames for video in test),
        missing=missing,
        metrics=metrics,
    )
    content = {
        "checkpoint": str(path),
        "model_fingerprint": checkpoint.fingerprint,
        "protocol": checkpoint.provenance.protocol,
        "videos": report.videos,
        "frames": report.frames,
        "missing": missing,
        "metrics": metrics,
    }
    commit_text(folder / "metrics.json", json.dumps(content, indent=1) + "\n")
    return report


def latest_checkpoint(out: Path) -> Path:
    """Return the folder of the checkpoint that was written last below ``out``.

    Raises:
        StoreError: There is none.
    """
    found = list(out.glob("*/train/checkpoint.safetensors"))
    if not found:
        raise StoreError(f"no checkpoint below {out}; run `make train` first")
    return max(found, key=lambda path: path.stat().st_mtime).parent


def load_test(catalog: Catalog, provenance: Provenance) -> list[VideoFeatures]:
    """Return the test split's features, the scored crop alone, after checking that they fit.

    Raises:
        StoreError: The features were made with another recipe, or a test video has no truth.
    """
    assert catalog.recipe is not None, "a catalog with videos has a recipe"
    if catalog.recipe.fingerprint != provenance.recipe_fingerprint:
        raise StoreError(
            f"{catalog.folder} was made with {catalog.recipe.text}, the checkpoint's features with "
            f"{provenance.recipe}; extract with the same recipe"
        )
    videos = videos_of(catalog, "test")
    untold = [video.item.video_id for video in videos if video.item.events is None]
    if untold:
        raise StoreError(f"test videos without frame truth: {', '.join(untold[:5])}")
    return list(read_videos(videos, provenance.test_crop))


def frame_figure(
    test: Sequence[VideoFeatures], scores: Sequence[VideoScores], normal: str, metric: str
) -> float:
    """Return one figure, ``auc`` or ``ap`` over all frames: what the paper's protocol selects by.

    Raises:
        ValueError: All frames are of one kind.
    """
    truth = np.concatenate(_truths(test, normal))
    score = np.concatenate([s.score[:n] for s, n in zip(scores, _counted(test), strict=True)])
    return average_precision(truth, score) if metric == "ap" else roc_auc(truth, score)


def score_metrics(
    test: Sequence[VideoFeatures], scores: Sequence[VideoScores], classes: Sequence[str]
) -> dict[str, float]:
    """Return every figure by name, as fractions in [0, 1].

    Raises:
        ValueError: All frames are of one kind.
    """
    truths = _truths(test, classes[0])
    each = list(zip(scores, _counted(test), strict=True))
    frame = frame_metrics(truths, [s.score[:n] for s, n in each])
    fine = frame_metrics(truths, [1 - s.probabilities[:n, 0] for s, n in each])
    events = [
        _detection_events(v, classes[0], n) for v, n in zip(test, _counted(test), strict=True)
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


def _counted(test: Sequence[VideoFeatures]) -> list[int]:
    """Return how many frames of each video count: those past the last segment do not, as published.

    Only a recipe that drops the tail leaves such frames.
    """
    return [min(v.frames, SEGMENT_FRAMES * v.segments.shape[1]) for v in test]


def _truths(test: Sequence[VideoFeatures], normal: str) -> list[NDArray[np.bool_]]:
    return [
        frame_truth([e for e in video.item.events or () if e.label != normal], frames)
        for video, frames in zip(test, _counted(test), strict=True)
    ]


def _write(folder: Path, checkpoint: Checkpoint, scores: Sequence[VideoScores]) -> None:
    """Commit the scores; those of another model that lie there are replaced."""
    header = ScoreHeader(
        classes=checkpoint.provenance.classes,
        model_fingerprint=checkpoint.fingerprint,
        recipe_fingerprint=checkpoint.provenance.recipe_fingerprint,
        rule=EventRule(),
    )
    with exclusive(folder):
        clear_others(folder, header)
        write_scores(folder, header, scores)
