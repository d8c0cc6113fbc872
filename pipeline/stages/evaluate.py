"""Evaluation: a data set's test split scored from its features, and compared with its truth."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.checkpoint import Checkpoint, build_scorer, load_checkpoint
from model.device import device_named
from model.evaluation.reviewed import Figures, category_figures, reviewed_figures
from model.evaluation.summary import Details, ScoredSplit, score_details, score_metrics
from model.scoring.events import label_all
from model.scoring.scorer import score_features
from pipeline.outputs import Outputs
from stores.datasets import base
from stores.features.catalog import Catalog
from stores.features.feature_set import (
    Coverage,
    check_labels,
    dataset_named,
    load_test,
    open_features,
)
from stores.files.commit import commit_text, exclusive
from stores.files.content import was_replaced
from stores.files.roots import record_root, recorded_roots
from stores.files.typed import read_json
from stores.records import EventRule, StoreError, VideoFeatures
from stores.scores.reader import remove_other_parts
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores

if TYPE_CHECKING:
    from pipeline.commands.calibrate import CalibrateRun
    from pipeline.commands.evaluate import EvaluateRun


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TestSplit:
    """A checkpoint, and the test split that it is measured on: its catalog and its features."""

    path: Path
    checkpoint: Checkpoint
    dataset: base.Dataset
    catalog: Catalog
    videos: list[VideoFeatures]

    def scored(self, device: str, temperature: float | None = None) -> ScoredSplit:
        """Return the split scored as `score` would with this temperature."""
        provenance = self.checkpoint.provenance
        scorer = build_scorer(self.checkpoint, device_named(device), temperature)
        scores = list(score_features(scorer, self.videos, provenance.test_crop))
        return ScoredSplit(self.videos, scores, provenance.classes, self.dataset.normal_is_event)


def load_test_split(run: EvaluateRun | CalibrateRun) -> TestSplit:
    """Return the checkpoint that a run names, or the latest, and the test split to measure it on.

    Raises:
        StoreError: No checkpoint or features, those of another recipe, or a split without truth.
    """
    outputs = Outputs(run.out)
    path = run.checkpoint or outputs.latest_checkpoint()
    checkpoint = load_checkpoint(path)
    provenance = checkpoint.provenance
    name = run.dataset or provenance.dataset
    dataset = dataset_named(name, outputs.features(name))
    catalog = open_features(outputs.features(name), dataset)
    check_labels(catalog, provenance.classes, str(path))
    videos = load_test(catalog, provenance.shard_recipe, provenance.test_crop)
    return TestSplit(path, checkpoint, dataset, catalog, videos)


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """The metrics of an evaluation, what they were made of, and where its scores lie as Parquet.

    ``missing`` are the test videos that have no features, ``changed`` those whose file
    changed since their features were made. ``figures`` are those that reviewers ask for beside the
    ``metrics``, ``category_auc`` one of them class by class.
    """

    checkpoint: Path
    dataset: str
    protocol: str
    folder: Path
    split: ScoredSplit
    rule: EventRule
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    metrics: dict[str, float]
    details: Details
    figures: Figures
    category_auc: dict[str, float]

    @property
    def videos(self) -> int:
        """Number of videos that were evaluated."""
        return len(self.split.videos)

    @property
    def frames(self) -> int:
        """Number of their frames."""
        return sum(video.frames for video in self.split.videos)

    @property
    def coverage(self) -> Coverage:
        """How many of the listed test videos the metrics are over."""
        return Coverage(self.videos, self.videos + len(self.missing))

    def table(self) -> list[tuple[str, ...]]:
        """Return each metric by name with its value and its 95 % interval in per cent, or ''.

        Where videos are missing, each says of how many it is.
        """
        rows = []
        for name, value in self.metrics.items():
            bounds = self.details.intervals.get(name)
            interval = f"{100 * bounds.low:.1f} to {100 * bounds.high:.1f}" if bounds else ""
            over = (str(self.coverage),) if self.coverage.is_partial else ()
            rows.append((name, f"{100 * value:.2f}", interval, *over))
        return rows


def evaluate(run: EvaluateRun) -> EvaluateReport:
    """Evaluate a checkpoint and commit scores and ``metrics.json`` to OUT/<dataset>/evaluation.

    Raises:
        StoreError: As for :func:`load_test_split`, or the folder cannot be written.
        ValueError: All frames are of one kind: no metric is defined.
    """
    test = load_test_split(run)
    split, failures = test.scored(run.device), test.catalog.failures
    report = EvaluateReport(
        checkpoint=test.path,
        dataset=test.dataset.name,
        protocol=test.checkpoint.provenance.protocol,
        folder=Outputs(run.out).evaluation(test.dataset.name),
        split=split,
        rule=EventRule(),
        missing=tuple(sorted(key for key, f in failures.items() if f.item.split == "test")),
        changed=tuple(v.item.video_id for v in test.videos if was_replaced(v.item.path, v.content)),
        metrics=score_metrics(split),
        details=score_details(split, EventRule()),
        figures=reviewed_figures(split, EventRule().threshold),
        category_auc=category_figures(split),
    )
    _write(report, test)
    return report


@dataclass(frozen=True, slots=True)
class _Evaluated:
    checkpoint: str


def _tell_replaced(metrics: Path, checkpoint: Path) -> None:
    """Log that an evaluation of another checkpoint is replaced, where one is there."""
    with suppress(StoreError):  # whatever is there is replaced
        before = read_json(metrics, _Evaluated)
        if before is not None and before.checkpoint != str(checkpoint):
            where = metrics.parent
            logger.warning("replacing the evaluation of %s in %s", before.checkpoint, where)


def _write(report: EvaluateReport, test: TestSplit) -> None:
    """Commit scores and metrics; scores of another model that lie there are replaced."""
    checkpoint = test.checkpoint
    header = ScoreHeader(
        classes=checkpoint.provenance.classes,
        model_fingerprint=checkpoint.fingerprint,
        recipe_fingerprint=checkpoint.provenance.recipe_fingerprint,
        rule=report.rule,
    )
    scores = report.split.scores
    content = {
        "checkpoint": str(report.checkpoint),
        "model_fingerprint": checkpoint.fingerprint,
        "protocol": report.protocol,
        "videos": report.videos,
        "listed_videos": report.coverage.listed,
        "frames": report.frames,
        "missing": report.missing,
        "changed": report.changed,
        "metrics": report.metrics,
        "figures": report.figures,
        "category_auc": report.category_auc,
        "classes": report.split.classes,
        **asdict(report.details),
    }
    with exclusive(report.folder):
        name = part_name(header, 0, [result.item.video_id for result in scores])
        metrics = report.folder / "metrics.json"
        _tell_replaced(metrics, report.checkpoint)
        metrics.unlink(missing_ok=True)  # it belongs to the scores that go
        remove_other_parts(report.folder, header, kept=name)
        for root in recorded_roots(test.catalog.folder):  # the videos are those of the features
            record_root(report.folder, Path(root))
        write_scores(report.folder, header, label_all(scores, header))
        commit_text(metrics, json.dumps(content, indent=1) + "\n")
