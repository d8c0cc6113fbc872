"""``demo``: the whole way once, offline, on generated videos; a second run finds it all done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.commands import evaluate, extract, report, score, train
from pipeline.console import print_cautions, print_line, print_table, progress_bar
from pipeline.options import Location
from stores.ranges import Seed

_DATASET = "synthetic"
_UNTRAINED = 5  # initialisations: a single one is as likely to stand at 0.3 as at 0.7


@dataclass(frozen=True)
class DemoRun:
    """Run it all once, offline, on generated videos: extract, train, evaluate, score, report."""

    out: Location = Path("outputs")
    """Folder of all outputs."""
    seed: Seed = 234
    """Seed of the training."""


def execute(run: DemoRun) -> int:
    """Generate, extract, train, evaluate, score and report below ``run.out``; print all of it.

    Raises:
        StoreError: ``run.out`` lies behind a URL, where no pages are written.
    """
    from pipeline.outputs import Outputs
    from pipeline.stages.evaluate import evaluate as run_evaluation
    from pipeline.stages.score import score as run_scoring
    from pipeline.views.report.build import write_report
    from stores.files.locations import is_remote
    from stores.records import StoreError

    if is_remote(run.out):
        raise StoreError(f"the demo ends with pages on this machine; give a folder, not {run.out}")
    outputs = Outputs(run.out)
    videos, scores = outputs.videos(_DATASET), outputs.scores("demo")
    checkpoint = outputs.checkpoint(_DATASET)
    print_line("1/5 generate videos and extract features")
    code = extract.execute(extract.ExtractRun(_DATASET, out=run.out))
    print_line("2/5 train")
    training = train.TrainRun(_DATASET, out=run.out, seed=run.seed)
    train.execute(training)
    print_line("3/5 evaluate")
    evaluated = run_evaluation(evaluate.EvaluateRun(checkpoint, _DATASET, out=run.out))
    evaluate.render(evaluated, evaluate.write_page(evaluated))
    _compare(training, evaluated.metrics)
    print_line("4/5 score the test videos again, as a folder of new ones")
    scoring = score.ScoreRun(videos / "test", checkpoint, out=scores)
    code = max(code, score.render(run_scoring(scoring, progress=progress_bar)))
    print_line("5/5 report")
    pages = write_report(report.ReportRun(scores=scores, out=run.out))
    print_line("where to look:")
    for what, path in (
        ("videos", videos),
        ("features (HDF5)", outputs.features(_DATASET)),
        ("checkpoint", checkpoint),
        ("scores (Parquet)", scores),
        ("report, open it in a browser", pages.page),
    ):
        print_line(f"  {what}: {path}")
    print_cautions(pages.cautions)
    return code


def _compare(training: train.TrainRun, trained: dict[str, float]) -> None:
    """Print the trained model beside models that learned nothing, all from the same features."""
    from model.evaluation.summary import HEADLINE
    from pipeline.stages.seeds import spread
    from pipeline.stages.train import untrained_metrics

    runs = [replace(training, seed=seed) for seed in range(_UNTRAINED)]
    found = spread([untrained_metrics(each) for each in runs])
    print_table(
        "per cent on the test split",
        {"": "left", **dict.fromkeys(HEADLINE, "right")},
        [
            ("trained", *(f"{100 * trained[key]:.1f}" for key in HEADLINE.values())),
            (f"untrained, {_UNTRAINED} seeds", *(found[k].percent(1) for k in HEADLINE.values())),
        ],
    )
