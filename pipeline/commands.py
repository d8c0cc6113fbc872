"""From settings to the command they belong to; only that command's modules are imported."""

from __future__ import annotations

from pipeline.settings import DemoRun, EvaluateRun, ExtractRun, ReportRun, Run, ScoreRun, TrainRun
from pipeline.show import DONE, say, show_evaluate, show_extract, show_score, show_train


def run_command(settings: Run) -> int:
    """Run one command, print what came of it, and return its exit code."""
    match settings:
        case ExtractRun():
            from pipeline.extract import extract

            return show_extract(extract(settings))
        case TrainRun():
            from pipeline.train import train

            return show_train(train(settings))
        case EvaluateRun():
            from pipeline.evaluate import evaluate

            return show_evaluate(evaluate(settings))
        case ScoreRun():
            from pipeline.score import score

            return show_score(score(settings))
        case ReportRun():
            from pipeline.report import write_report

            say(f"report: {write_report(settings)}")
            return DONE
        case DemoRun():
            from pipeline.demo import demo

            return demo(settings)
