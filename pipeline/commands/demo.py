"""The demo: the whole way once, offline, on generated videos; a second run finds it all done."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from model.device import device_named
from model.evaluation.summary import score_metrics
from pipeline.settings import DemoRun, EvaluateRun, ExtractRun, ReportRun, ScoreRun, TrainRun
from pipeline.show import (
    results,
    say,
    show_evaluate,
    show_extract,
    show_score,
    show_train,
)
from pipeline.stages.evaluate import evaluate
from pipeline.stages.extract import extract
from pipeline.stages.score import score
from pipeline.stages.train import train
from pipeline.stages.training_plan import build_model, make_plan, scorer_for
from pipeline.views.report import write_report
from stores.features.feature_set import load_test
from stores.files.locations import is_remote
from stores.records import StoreError

_DATASET = "synthetic"
_UNTRAINED = 5  # initialisations: a single one is as likely to stand at 0.3 as at 0.7
_SHOWN = {"frame AUC": "auc", "frame AP": "ap", "mAP@IoU 0.1-0.5": "map"}


def demo(run: DemoRun) -> int:
    """Generate, extract, train, evaluate, score and report below ``run.out``; print all of it.

    Raises:
        StoreError: ``run.out`` lies behind a URL, where no pages are written.
    """
    if is_remote(run.out):
        raise StoreError(f"the demo ends with pages on this machine; give a folder, not {run.out}")
    say("1/5 generate videos and extract features")
    code = show_extract(extract(ExtractRun(dataset=_DATASET, out=run.out)))
    say("2/5 train")
    training = TrainRun(dataset=_DATASET, out=run.out, seed=run.seed)
    trained = train(training)
    show_train(trained)
    say("3/5 evaluate")
    evaluated = evaluate(EvaluateRun(checkpoint=trained.folder, dataset=_DATASET, out=run.out))
    show_evaluate(evaluated)
    _compare(training, evaluated.metrics)
    say("4/5 score the test videos again, as a folder of new ones")
    folder = run.out / "scores" / "demo"
    videos = run.out / _DATASET / "videos" / "test"
    code = max(code, show_score(score(ScoreRun(videos, trained.folder, out=folder))))
    say("5/5 report")
    report = write_report(ReportRun(scores=folder, out=run.out))
    _where(run.out, trained.folder, folder, report.page)
    return code


def _compare(training: TrainRun, trained: dict[str, float]) -> None:
    """Print the trained model beside models that learned nothing, all from the same features."""
    plan = make_plan(training)
    test = load_test(plan.catalog, plan.provenance.shard_recipe, plan.provenance.test_crop)
    untrained: list[dict[str, float]] = []
    for seed in range(_UNTRAINED):
        fresh = replace(plan, training=replace(plan.training, seed=seed))
        scorer = scorer_for(fresh, build_model(fresh, device_named("cpu")).eval())
        scores = list(scorer.score_all(test))
        untrained.append(score_metrics(test, scores, plan.dataset.classes))
    table = Table(title="per cent on the test split")
    table.add_column("")
    for name in _SHOWN:
        table.add_column(name, justify="right")
    table.add_row("trained", *(f"{100 * trained[key]:.1f}" for key in _SHOWN.values()))
    columns = [[100 * figures[key] for figures in untrained] for key in _SHOWN.values()]
    cells = [f"{statistics.mean(c):.1f} ± {statistics.stdev(c):.1f}" for c in columns]
    table.add_row(f"untrained, {_UNTRAINED} seeds", *cells)
    results.print(table)


def _where(out: Path, checkpoint: Path, scores: Path, page: Path) -> None:
    say("where to look:")
    for what, path in (
        ("videos", out / _DATASET / "videos"),
        ("features (HDF5)", out / _DATASET / "features"),
        ("checkpoint", checkpoint),
        ("scores (Parquet)", scores),
        ("report, open it in a browser", page),
    ):
        say(f"  {what}: {path}")
