"""Evaluation: a data set's test split scored from its features, and compared with its truth."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.checkpoint import Checkpoint
from model.evaluation.reviewed import Figures, category_figures, reviewed_figures
from model.evaluation.summary import (
    HEADLINE,
    Details,
    ScoredSplit,
    score_details,
    score_metrics,
)
from model.scoring.events import label_all
from pipeline.outputs import Outputs
from pipeline.stages.cautions import calibration_kind, cautions_of, feature_kind
from pipeline.stages.scoring_plan import find_calibration
from pipeline.stages.split import TestSplit, load_other_split, load_test_split
from pipeline.stages.zero_shot import baseline_checkpoints, note_on_baselines
from stores.features.feature_set import Coverage
from stores.files.commit import commit_text, exclusive
from stores.files.content import was_replaced
from stores.files.roots import record_root, recorded_roots
from stores.files.typed import read_json
from stores.records import EventRule, StoreError
from stores.scores.reader import remove_other_parts
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores

if TYPE_CHECKING:
    from pipeline.commands.evaluate import EvaluateRun


logger = logging.getLogger(__name__)


BASELINE_FIGURES = HEADLINE | {"AUC within videos": "within_video_auc"}
"""What a checkpoint is held against zero-shot CLIP by, by what people call it."""
_RULE, _KEYS = EventRule(), tuple(BASELINE_FIGURES.values())


@dataclass(frozen=True, slots=True)
class Baselines:
    """Figures of zero-shot CLIP on the same features, by what tables call it.

    ``note`` says what to know of them, or why there are none.
    """

    rows: dict[str, Figures]
    note: str


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """The metrics of an evaluation, what they were made of, and where its scores lie as Parquet.

    ``missing`` are the test videos that have no features, ``changed`` those whose file
    changed since their features were made. ``figures`` are those that reviewers ask for beside the
    ``metrics``, ``category_auc`` one of them class by class. ``trained_on`` is the checkpoint's
    data set where it is not this one's, ``cautions`` is what has to be said of the model.
    """

    checkpoint: Path
    dataset: str
    protocol: str
    folder: Path
    split: ScoredSplit
    header: ScoreHeader
    cautions: tuple[str, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    metrics: dict[str, float]
    details: Details
    figures: Figures
    category_auc: dict[str, float]
    baselines: Baselines
    trained_on: str = ""

    @property
    def rule(self) -> EventRule:
        """When scores are events."""
        return self.header.rule

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

    def baseline_table(self) -> list[tuple[str, ...]]:
        """Return the checkpoint and zero-shot CLIP with their figures in per cent; '' for none."""
        own = {"this checkpoint": self.metrics | self.figures}
        return [
            (name, *("" if (v := of.get(k)) is None else f"{100 * v:.2f}" for k in _KEYS))
            for name, of in (own | self.baselines.rows).items()
        ]


def evaluate(run: EvaluateRun) -> EvaluateReport:
    """Evaluate a checkpoint and commit scores and ``metrics.json`` to OUT/<dataset>/evaluation.

    On another data set's split they go to OUT/<other>/evaluation-of-<dataset>.

    Raises:
        StoreError: As for ``load_test_split``, or the folder cannot be written.
        ValueError: All frames are of one kind: no metric is defined.
    """
    _check(run)
    test = load_other_split(run, run.on) if run.on else load_test_split(run)
    trained_on = test.checkpoint.provenance.dataset if run.on else ""
    split, failures = test.scored(run.device), test.catalog.failures
    header = _header(test.checkpoint)
    report = EvaluateReport(
        checkpoint=test.path,
        dataset=test.dataset.name,
        protocol=test.checkpoint.provenance.protocol,
        folder=Outputs(run.out).evaluation(test.dataset.name, trained_on),
        split=split,
        header=header,
        cautions=cautions_of(_with_calibration(header, test)),
        missing=tuple(sorted(key for key, f in failures.items() if f.item.split == "test")),
        changed=tuple(v.item.video_id for v in test.videos if was_replaced(v.item.path, v.content)),
        metrics=score_metrics(split),
        details=score_details(split, header.rule),
        figures=reviewed_figures(split, header.rule.threshold),
        category_auc=category_figures(split),
        baselines=_baselines(test, run.device) if run.zero_shot else Baselines({}, ""),
        trained_on=trained_on,
    )
    _write(report, test)
    return report


def _check(run: EvaluateRun) -> None:
    """Raise ValueError where options contradict each other."""
    if run.on and run.dataset:
        raise ValueError("give --dataset or --on: both say whose test split is scored")
    if run.classes is not None and not run.on:
        raise ValueError("--classes maps the classes of another data set; give it with --on")


def _baselines(test: TestSplit, device: str) -> Baselines:
    """Return what zero-shot CLIP reaches on the same features, where their encoder has texts."""
    provenance = test.checkpoint.provenance
    try:
        found = baseline_checkpoints(provenance, test.videos[0].segments.shape[2])
    except ValueError as error:
        return Baselines({}, f"zero-shot CLIP is left out: {error}")
    rows: dict[str, Figures] = {}
    for name, checkpoint in found.items():
        split = replace(test, checkpoint=checkpoint).scored(device)
        figures: Figures = {**score_metrics(split), **reviewed_figures(split, _RULE.threshold)}
        rows[name] = {key: figures[key] for key in _KEYS if key in figures}
    return Baselines(rows, note_on_baselines(provenance))


def _header(checkpoint: Checkpoint) -> ScoreHeader:
    """Return the header of an evaluation's scores, which are those of the published protocol."""
    return ScoreHeader(
        classes=checkpoint.provenance.classes,
        model_fingerprint=checkpoint.fingerprint,
        recipe_fingerprint=checkpoint.provenance.recipe_fingerprint,
        rule=_RULE,
        features=feature_kind(checkpoint.provenance),
    )


def _with_calibration(header: ScoreHeader, test: TestSplit) -> ScoreHeader:
    """Return the header as scoring has it: a calibration that is left aside here is still one."""
    with suppress(StoreError):  # a damaged one is none, and no figure depends on it
        if found := find_calibration(test.path, test.checkpoint):
            return replace(header, calibrated=calibration_kind(found, found.rule))
    return header


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
    header, scores = report.header, report.split.scores
    content = {
        "checkpoint": str(report.checkpoint),
        "model_fingerprint": checkpoint.fingerprint,
        "dataset": report.dataset,
        "protocol": report.protocol,
        "trained_on": report.trained_on or report.dataset,
        "videos": report.videos,
        "listed_videos": report.coverage.listed,
        "frames": report.frames,
        "missing": report.missing,
        "changed": report.changed,
        "metrics": report.metrics,
        "figures": report.figures,
        "category_auc": report.category_auc,
        "zero_shot": asdict(report.baselines),
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
