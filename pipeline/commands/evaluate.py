"""``evaluate``: a checkpoint's figures on a data set's test split, and a page about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.console import (
    DONE,
    SHOWN,
    SOME_FAILED,
    print_cautions,
    print_line,
    print_table,
)
from pipeline.options import CheckpointLocation, Location
from stores.files.names import counted, one_line

if TYPE_CHECKING:
    from model.evaluation.false_alarms import AlarmPoint
    from pipeline.stages.evaluate import EvaluateReport

_RECALLS = (0.5, 0.7, 0.9)


@dataclass(frozen=True)
class EvaluateRun:
    """Score a data set's test split with a checkpoint and compare with its truth."""

    checkpoint: CheckpointLocation | None = None
    """Folder that `train` wrote; the one that was trained last by default."""
    dataset: str | None = None
    """Data set whose features are scored; the one the checkpoint was trained on by default."""
    on: str | None = None
    """Another data set whose test split is scored instead, from features of the same recipe."""
    classes: Location | None = None
    """With --on: JSON or YAML file of lines `<class of the other>: <class of the checkpoint>`;
    normal and classes of one name need none."""
    out: Location = Path("outputs")
    """Folder of all outputs; features are read from OUT/<dataset>/features."""
    page: bool = True
    """Write training.html beside the figures: curves, charts, and the worst mistakes to look at."""
    zero_shot: bool = True
    """Hold zero-shot CLIP beside the checkpoint, where the features' encoder has a text side."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""


def execute(run: EvaluateRun) -> int:
    """Evaluate, write the page, print the figures and return the exit code."""
    from pipeline.stages.evaluate import evaluate

    return render(report := evaluate(run), write_page(report) if run.page else None)


def write_page(report: EvaluateReport) -> Path:
    """Write the page about an evaluation beside its figures; return it."""
    from pipeline.views.evaluation_page import write_evaluation_page

    page = report.folder / "training.html"
    write_evaluation_page(page, report)
    return page


def render(report: EvaluateReport, page: Path | None) -> int:
    """Print the figures of an evaluation and where its page is."""
    columns: dict[str, Literal["left", "right"]] = {
        "figure": "left",
        "per cent": "right",
        "95 % interval": "right",
    }
    over = ""
    if report.coverage.is_partial:
        columns["over"], over = "right", f" ({report.coverage})"
    print_table(
        f"{report.checkpoint} on {report.dataset}: {report.coverage}", columns, report.table()
    )
    _print_figures(report)
    _print_baselines(report)
    alarms = _alarms(report.details.alarms)
    print_line(f"false alarms per hour by recall of events{over}: {alarms}")
    print_line(f"scores: {report.frames:,} frames · {report.folder}")
    if page is not None:
        print_line(f"charts and the worst mistakes, open it in a browser: {page}")
    if report.changed:
        names = ", ".join(report.changed[:SHOWN])
        more = f" and {len(report.changed) - SHOWN} more" if len(report.changed) > SHOWN else ""
        print_line(
            f"{counted(len(report.changed), 'video')} changed since features were made of them; "
            f"extract again: {names}{more}"
        )
    if report.missing:
        print_line(one_line(f"not evaluated, no features: {', '.join(report.missing)}"))
    print_cautions(report.cautions)
    return SOME_FAILED if report.missing else DONE


def _print_figures(report: EvaluateReport) -> None:
    """Print what reviewers ask for beside these figures, and what the pooled AUC is worth."""
    from pipeline.views.figure_table import figure_rows, pooled_note

    columns: dict[str, Literal["left", "right"]] = {
        "figure": "left",
        "value": "right",
        "what it is": "left",
    }
    rows = figure_rows(report.figures, report.rule.threshold)
    print_table(f"what reviewers ask for as well: {report.coverage}", columns, rows)
    if note := pooled_note(report.figures):
        print_line(note)


def _print_baselines(report: EvaluateReport) -> None:
    """Print zero-shot CLIP beside the checkpoint."""
    from pipeline.stages.evaluate import BASELINE_FIGURES

    if report.baselines.rows:
        columns: dict[str, Literal["left", "right"]] = {"": "left"}
        columns |= dict.fromkeys(BASELINE_FIGURES, "right")
        title = f"beside CLIP without any training, per cent: {report.coverage}"
        print_table(title, columns, report.baseline_table())
    if report.baselines.note:
        print_line(report.baselines.note)


def _alarms(points: Sequence[AlarmPoint]) -> str:
    """Return the fewest false alarms per hour with which each of some recalls is reached."""
    enough = {r: [p.false_alarms_per_hour for p in points if p.recall >= r] for r in _RECALLS}
    reached = [f"{min(found):.1f} at {100 * r:.0f} %" for r, found in enough.items() if found]
    return ", ".join(reached) or "no event is found"
