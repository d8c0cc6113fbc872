"""What each command prints when it is done, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from stores.records import Failure
from stores.results import read_events

if TYPE_CHECKING:  # each command imports only what it runs
    from pipeline.evaluate import EvaluateReport
    from pipeline.extract import ExtractReport
    from pipeline.score import ScoreReport
    from pipeline.train import TrainReport

DONE, SOME_FAILED = 0, 3
_SHOWN = 10  # failures and events that are printed; the files hold all

results = Console(highlight=False)


def show_extract(report: ExtractReport) -> int:
    """Print what an extraction did."""
    line = f"features: {report.new} videos extracted, {report.already} were there"
    if report.frames:
        speed = report.frames / report.seconds
        line += f"; {report.frames:,} frames in {report.seconds:.1f} s, {speed:,.0f}/s"
    say(f"{line} · {report.folder}")
    return _show_failures(report.failures)


def show_train(report: TrainReport) -> int:
    """Print what a training came to."""
    what = "trained" if report.trained else "was trained with these settings before"
    say(
        f"model: {what} on {report.samples} samples of {report.dataset}, {report.steps} steps in "
        f"{report.seconds:.1f} s · {report.folder}"
    )
    say(f"  test split: {_figures(report.metrics)}")
    return DONE


def show_evaluate(report: EvaluateReport) -> int:
    """Print the figures of an evaluation."""
    table = Table(title=f"{report.checkpoint} on {report.dataset}: {report.videos} test videos")
    table.add_column("figure")
    table.add_column("per cent", justify="right")
    for name, value in report.metrics.items():
        table.add_row(name, f"{100 * value:.2f}")
    results.print(table)
    say(f"scores: {report.frames:,} frames · {report.folder}")
    if report.missing:
        say(f"not evaluated, no features: {', '.join(report.missing)}")
        return SOME_FAILED
    return DONE


def show_score(report: ScoreReport) -> int:
    """Print the strongest events of a scoring run."""
    line = f"scores: {report.new} videos scored, {report.already} were there"
    if report.frames:
        speed = report.frames / report.seconds
        line += f"; {report.frames:,} frames in {report.seconds:.1f} s, {speed:,.0f}/s"
    say(f"{line} · {report.folder}")
    show_events(report.folder)
    return _show_failures(report.failures)


def show_events(folder: Path) -> None:
    """Print the events with the highest peaks of a folder of scores."""
    events = read_events(folder)
    table = Table(title=f"strongest of {len(events)} events")
    for column in ("video", "from", "to", "class", "peak"):
        table.add_column(column, justify="left" if column in ("video", "class") else "right")
    for video_id, event in events[:_SHOWN]:
        table.add_row(
            video_id,
            f"{event.start_time:.1f} s",
            f"{event.end_time:.1f} s",
            event.label,
            f"{event.peak:.2f}",
        )
    if events:
        results.print(table)


def _figures(metrics: dict[str, float]) -> str:
    shown = {"frame AUC": "auc", "AP": "ap", "mAP@IoU": "map"}
    return ", ".join(f"{name} {100 * metrics[key]:.2f} %" for name, key in shown.items())


def _show_failures(failures: Sequence[Failure]) -> int:
    for failure in failures[:_SHOWN]:
        say(f"  failed: {failure.item.video_id}: {failure.reason}")
    if len(failures) > _SHOWN:
        say(f"  … and {len(failures) - _SHOWN} more")
    return SOME_FAILED if failures else DONE


def say(line: str) -> None:
    """Print one line of results."""
    results.print(line, markup=False, soft_wrap=True)
