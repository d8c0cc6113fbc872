"""What each command prints when it is done, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from stores.files.names import one_line
from stores.records import Failure
from stores.scores.reader import ScoredVideo, read_events

if TYPE_CHECKING:  # each command imports only what it runs
    from model.evaluation.false_alarms import AlarmPoint
    from pipeline.stages.ablate import AblateReport
    from pipeline.stages.calibrate import CalibrateReport
    from pipeline.stages.care import FailureRow, VerifyReport
    from pipeline.stages.evaluate import EvaluateReport
    from pipeline.stages.extract import ExtractReport
    from pipeline.stages.imports import ImportReport
    from pipeline.stages.score import ScoreReport
    from pipeline.stages.seeds import SeedsReport
    from pipeline.stages.train import TrainReport
    from pipeline.stages.watch import WatchReport
    from pipeline.views.report import ReportPages

DONE, SOME_FAILED = 0, 3
_RECALLS = (0.5, 0.7, 0.9)
_MAIN = {"frame AUC": "auc", "AP": "ap", "mAP@IoU": "map"}
_SHOWN = 10  # failures and events that are printed; the files hold all

# Names are only names: "[red]" is no colour in them and ":fire:" no picture.
results = Console(highlight=False, markup=False, emoji=False)


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


def show_seeds(report: SeedsReport) -> int:
    """Print every seed's figures, then their mean and standard deviation."""
    for seed, each in report.reports.items():
        say(f"seed {seed}: {_figures(each.metrics)} · {each.folder}")
    told = [
        f"{name} {100 * report.spread[key].mean:.2f} ± {100 * report.spread[key].deviation:.2f} %"
        for name, key in _MAIN.items()
    ]
    say(f"{len(report.reports)} seeds: {', '.join(told)} · {report.file}")
    return DONE


def show_ablate(report: AblateReport) -> int:
    """Print the table of an ablation and what failed."""
    say(f"ablation: {report.trained} trained, {report.already} were there · {report.folder}")
    say(report.table)
    for name, reason in report.failures.items():
        say(f"  failed: {name}: {reason}")
    return SOME_FAILED if report.failures else DONE


def show_import(report: ImportReport) -> int:
    """Print what an import of features did."""
    say(f"features: {report.new} videos imported, {report.already} were there · {report.folder}")
    if report.unlisted:
        shown = ", ".join(report.unlisted[:_SHOWN])
        say(f"  in no list, left out: {len(report.unlisted)} ({shown})")
    return _show_failures(report.failures)


def show_verify(report: VerifyReport) -> int:
    """Print what is damaged and, after a repair, where it went."""
    for each in report.damaged:
        say(f"damaged: {each.reason}")
    for path in report.moved:
        say(f"set aside: {path}")
    whole = report.checked - len(report.damaged)
    say(f"{whole} of {report.checked} shards, parts and checkpoints are whole")
    if report.moved:
        say("run the same extract, score or train again: only what was set aside is made anew")
    return SOME_FAILED if report.damaged and not report.moved else DONE


def show_failures(rows: Sequence[FailureRow]) -> int:
    """Print every failure with its reason."""
    for row in rows:
        say(one_line(f"{row.status}: {row.folder}: {row.video_id}: {row.reason}"))
    say(f"{len(rows)} videos failed, were read in part, or differ from what they announce")
    return DONE


def show_evaluate(report: EvaluateReport) -> int:
    """Print the figures of an evaluation."""
    table = Table(title=f"{report.checkpoint} on {report.dataset}: {report.videos} test videos")
    table.add_column("figure")
    table.add_column("per cent", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, value in report.metrics.items():
        bounds = report.details.intervals.get(name)
        interval = f"{100 * bounds.low:.1f} to {100 * bounds.high:.1f}" if bounds else ""
        table.add_row(name, f"{100 * value:.2f}", interval)
    results.print(table)
    say("false alarms per hour by recall of events: " + _alarms(report.details.alarms))
    say(f"scores: {report.frames:,} frames · {report.folder}")
    if report.page is not None:
        say(f"charts and the worst mistakes, open it in a browser: {report.page}")
    if report.missing:
        say(f"not evaluated, no features: {', '.join(report.missing)}")
        return SOME_FAILED
    return DONE


def show_calibrate(report: CalibrateReport) -> int:
    """Print what a calibration chose, what it is worth, and on which videos that was seen."""
    made, unseen = report.calibration, report.calibration.unseen
    say(
        f"calibrated {report.checkpoint} on the {made.split} split of {made.dataset}: "
        f"{made.videos} videos, {made.hours:.2f} hours, {made.events} events"
    )
    line = (
        f"  threshold {made.rule.threshold:.4f} ({made.chosen_by}): finds "
        f"{100 * made.recall:.1f} % of the events at {made.false_alarms_per_hour:.2f} false alarms "
        "per hour"
    )
    if unseen:
        line += (
            f"; on videos that had no say, {100 * unseen['recall']:.1f} % "
            f"at {unseen['false_alarms_per_hour']:.2f}"
        )
    say(line)
    if made.temperature is not None:
        say(
            f"  temperature {made.temperature:.3f}: expected calibration error "
            f"{made.error_before:.4f} before, {made.error_after:.4f} after"
            + (f", {unseen['error']:.4f} on videos that had no say" if unseen else "")
        )
    say(f"  one false alarm in these videos is {1 / made.hours:.1f} an hour: no finer is known")
    say(f"`score` and `watch` use it from now on · {report.file}")
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


def show_watched(video: ScoredVideo) -> None:
    """Print one video that a watcher has just scored, or could not."""
    if video.status == "failed":
        say(f"{video.video_id}: failed: {video.reason}")
        return
    line = f"{video.video_id}: {video.events} events, peak {video.peak:.2f}"
    say(f"{line}, {video.label}" if video.label else line)


def show_watch(report: WatchReport) -> int:
    """Print what a watcher came to; one that was told to stop has done all that it should."""
    say(f"scores: {report.new} videos scored, {report.already} were there · {report.folder}")
    return SOME_FAILED if report.failed and not report.stopped else DONE


def show_report(pages: ReportPages) -> int:
    """Print where the report is, and what it cannot show."""
    say(f"report, open it in a browser: {pages.page}")
    if pages.gone:
        say(f"  {pages.gone} of {pages.videos} videos are not where they were scored: curves alone")
    if pages.unplayed:
        say(f"  {pages.unplayed} videos that most browsers do not play; --proxies makes copies")
    return DONE


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


def _alarms(points: Sequence[AlarmPoint]) -> str:
    """Return the fewest false alarms per hour with which each of some recalls is reached."""
    told = []
    for recall in _RECALLS:
        enough = [p.false_alarms_per_hour for p in points if p.recall >= recall]
        if enough:
            told.append(f"{min(enough):.1f} at {100 * recall:.0f} %")
    return ", ".join(told) or "no event is found"


def _figures(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {100 * metrics[key]:.2f} %" for name, key in _MAIN.items())


def _show_failures(failures: Sequence[Failure]) -> int:
    for failure in failures[:_SHOWN]:
        say("  " + one_line(f"failed: {failure.item.video_id}: {failure.reason}"))
    if len(failures) > _SHOWN:
        say(f"  … and {len(failures) - _SHOWN} more")
    return SOME_FAILED if failures else DONE


def say(line: str) -> None:
    """Print one line of results."""
    results.print(line, soft_wrap=True)
