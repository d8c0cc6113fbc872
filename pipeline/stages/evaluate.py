"""Evaluation: a data set's test split scored from its features, and compared with its truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.checkpoint import FILE, Checkpoint, load_checkpoint
from model.device import device_named
from model.evaluation.summary import Details, score_details, score_metrics
from model.scoring.events import label_all
from model.scoring.videos import scorer_of
from pipeline.settings import EvaluateRun
from pipeline.views.evaluation_page import Evaluated, write_training_page
from stores.features.feature_set import dataset_named, load_test, open_features
from stores.files.commit import commit_text, exclusive
from stores.records import EventRule, StoreError, VideoScores
from stores.scores.reader import clear_others
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores

PAGE = "training.html"


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
    details: Details
    page: Path | None


def evaluate(run: EvaluateRun) -> EvaluateReport:
    """Evaluate a checkpoint and commit scores and ``metrics.json`` to OUT/<dataset>/evaluation.

    Raises:
        StoreError: No checkpoint or features, features of another recipe than the checkpoint's, or
            a test split without truth.
        ValueError: All frames are of one kind: no metric is defined.
    """
    path = run.checkpoint or latest_checkpoint(run.out)
    checkpoint = load_checkpoint(path)
    dataset = dataset_named(run.out, run.dataset or checkpoint.provenance.dataset)
    catalog = open_features(run.out, dataset)
    scorer = scorer_of(checkpoint, device_named(run.device))
    test = load_test(catalog, checkpoint.provenance.shard_recipe, checkpoint.provenance.test_crop)
    scores = list(scorer.score_all(test))
    classes = checkpoint.provenance.classes
    metrics = score_metrics(test, scores, classes)
    details = score_details(test, scores, classes, EventRule())
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
        details=details,
        page=folder / PAGE if run.page else None,
    )
    content = {
        "checkpoint": str(path),
        "model_fingerprint": checkpoint.fingerprint,
        "protocol": checkpoint.provenance.protocol,
        "videos": report.videos,
        "frames": report.frames,
        "missing": missing,
        "metrics": metrics,
        "classes": classes,
        **details.to_json(),
    }
    commit_text(folder / "metrics.json", json.dumps(content, indent=1) + "\n")
    if report.page is not None:
        evaluated = Evaluated(
            title=f"{dataset.name}, protocol {checkpoint.provenance.protocol}: evaluation",
            checkpoint=path.parent if path.is_file() else path,
            test=test,
            scores=scores,
            classes=classes,
            metrics=metrics,
            details=details,
            rule=EventRule(),
        )
        write_training_page(report.page, evaluated)
    return report


def latest_checkpoint(out: Path) -> Path:
    """Return the folder of the checkpoint that was written last below ``out``.

    Raises:
        StoreError: There is none.
    """
    found = [*out.glob(f"*/train/{FILE}"), *out.glob(f"*/imported/{FILE}")]
    if not found:
        raise StoreError(f"no checkpoint below {out}; run `make train` first")
    return max(found, key=lambda path: path.stat().st_mtime).parent


def _write(folder: Path, checkpoint: Checkpoint, scores: Sequence[VideoScores]) -> None:
    """Commit the scores; those of another model that lie there are replaced."""
    header = ScoreHeader(
        classes=checkpoint.provenance.classes,
        model_fingerprint=checkpoint.fingerprint,
        recipe_fingerprint=checkpoint.provenance.recipe_fingerprint,
        rule=EventRule(),
    )
    with exclusive(folder):
        name = part_name(header, [result.item.video_id for result in scores])
        clear_others(folder, header, kept=name)
        write_scores(folder, header, label_all(scores, header))
