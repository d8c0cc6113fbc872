"""From settings to the command they belong to; only that command's modules are imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.settings import (
    AblateRun,
    CalibrateRun,
    CheckDataRun,
    DemoRun,
    EvaluateRun,
    ExtractRun,
    FailuresRun,
    ImportCheckpointRun,
    ImportFeaturesRun,
    MatchRun,
    PlotRun,
    ReportRun,
    Run,
    ScoreRun,
    TrainRun,
    VerifyRun,
    WatchRun,
)
from pipeline.show import (
    DONE,
    say,
    show_ablate,
    show_calibrate,
    show_evaluate,
    show_extract,
    show_failures,
    show_import,
    show_report,
    show_score,
    show_seeds,
    show_train,
    show_verify,
    show_watch,
    show_watched,
)


def run_command(settings: Run) -> int:
    """Run one command, print what came of it, and return its exit code."""
    return _ACTIONS[type(settings)](settings)


def _demo(run: DemoRun) -> int:
    from pipeline.commands.demo import demo

    return demo(run)


def _check_data(run: CheckDataRun) -> int:
    from pipeline.show_data import show_check_data
    from pipeline.stages.check_data import check_data

    return show_check_data(check_data(run))


def _match(run: MatchRun) -> int:
    from pipeline.show_data import show_match
    from pipeline.stages.match_features import match

    return show_match(match(run))


def _extract(run: ExtractRun) -> int:
    from pipeline.stages.extract import extract

    return show_extract(extract(run))


def _train(run: TrainRun) -> int:
    if run.seeds:
        from pipeline.stages.seeds import train_seeds

        return show_seeds(train_seeds(run))
    from pipeline.stages.train import train

    return show_train(train(run))


def _evaluate(run: EvaluateRun) -> int:
    from pipeline.stages.evaluate import evaluate

    return show_evaluate(evaluate(run))


def _calibrate(run: CalibrateRun) -> int:
    from pipeline.stages.calibrate import calibrate

    return show_calibrate(calibrate(run))


def _score(run: ScoreRun) -> int:
    from pipeline.stages.score import score
    from stores.files.locations import is_remote

    code = show_score(report := score(run))
    if run.report and not is_remote(report.folder):
        _report(ReportRun(scores=report.folder))
    return code


def _watch(run: WatchRun) -> int:
    from pipeline.stages.watch import watch

    return show_watch(watch(run, show_watched))


def _report(run: ReportRun) -> int:
    from pipeline.views.report import write_report

    return show_report(write_report(run))


def _plot(run: PlotRun) -> int:
    from pipeline.views.plot import plot

    made = plot(run)
    say(f"picture: {made.picture}")
    if made.overlay is not None:
        say(f"overlay: {made.overlay}")
    return DONE


def _ablate(run: AblateRun) -> int:
    from pipeline.stages.ablate import ablate

    return show_ablate(ablate(run))


def _import_checkpoint(run: ImportCheckpointRun) -> int:
    from pipeline.stages.imports import import_checkpoint

    say(f"checkpoint: {import_checkpoint(run)}")
    return DONE


def _import_features(run: ImportFeaturesRun) -> int:
    from pipeline.stages.imports import import_features

    return show_import(import_features(run))


def _verify(run: VerifyRun) -> int:
    from pipeline.stages.care import verify

    return show_verify(verify(run))


def _failures(run: FailuresRun) -> int:
    from pipeline.stages.care import list_failures

    return show_failures(list_failures(run))


_ACTIONS: dict[type[Run], Callable[[Any], int]] = {
    DemoRun: _demo,
    CheckDataRun: _check_data,
    MatchRun: _match,
    ExtractRun: _extract,
    TrainRun: _train,
    EvaluateRun: _evaluate,
    CalibrateRun: _calibrate,
    ScoreRun: _score,
    WatchRun: _watch,
    ReportRun: _report,
    PlotRun: _plot,
    AblateRun: _ablate,
    ImportCheckpointRun: _import_checkpoint,
    ImportFeaturesRun: _import_features,
    VerifyRun: _verify,
    FailuresRun: _failures,
}
