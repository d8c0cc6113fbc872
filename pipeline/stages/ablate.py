"""Ablation: a head with and without each of its parts, its trainings in parallel on Ray."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.evaluation.summary import HEADLINE
from model.heads import base as heads
from pipeline.engine.tasks import TaskFailed, run_tasks
from pipeline.outputs import Outputs
from pipeline.stages.seeds import spread
from pipeline.stages.train import TrainReport, find_finished, train
from pipeline.stages.training_plan import make_plan
from stores.files.commit import commit_text
from stores.scores.tables import Value, markdown_table, write_table

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table: which parts of the head are in."""

    name: str
    parts: frozenset[str]


@dataclass(frozen=True, slots=True)
class AblateReport:
    """The table and where it lies, and the trainings that failed with their reasons."""

    folder: Path
    table: str
    trained: int
    already: int
    failures: dict[str, str]


def make_variants(parts: Sequence[str]) -> list[Variant]:
    """Return the baseline, each part alone, all without each, and all."""
    words = {part: part.replace("_", " ") for part in parts}
    return [
        Variant("baseline", frozenset()),
        *(Variant(f"+ {words[part]}", frozenset({part})) for part in parts),
        *(Variant(f"all − {words[part]}", frozenset(parts) - {part}) for part in parts),
        Variant("all", frozenset(parts)),
    ]


def ablate(base: TrainRun, seeds: Sequence[int]) -> AblateReport:
    """Train every variant with every seed and commit ``ablation.md`` and ``ablation.parquet``.

    ``base`` is what all trainings have in common. Finished ones are not run again; one that fails
    (it diverged, say) is named and missing from the table.

    Raises:
        StoreError: No features, or the table cannot be written.
        ValueError: Unknown preset.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    outputs, parts = Outputs(base.out), heads.load(heads.DEFAULT).parts
    dataset = make_plan(base).dataset.name
    folder = outputs.ablation(dataset)
    trials = {
        _run_of(base, variant, seed, parts, folder.name): variant
        for variant in make_variants(parts)
        for seed in seeds
    }
    finished: dict[TrainRun, TrainReport] = {}
    for run in trials:
        if found := find_finished(outputs.checkpoint(dataset, run.name), make_plan(run)):
            finished[run] = found
    missing = {run: variant for run, variant in trials.items() if run not in finished}
    trained, failures = _train_all(missing) if missing else ({}, {})
    reports = finished | trained
    rows: list[dict[str, Value]] = [
        {
            "variant": variant.name,
            **{part: part in variant.parts for part in parts},
            "seed": run.seed,
            "test_videos": reports[run].coverage.evaluated,
            "listed_test_videos": reports[run].coverage.listed,
            **reports[run].metrics,
        }
        for run, variant in trials.items()
        if run in reports
    ]
    write_table(folder / "ablation.parquet", rows)
    table = tabulate(trials, parts, reports)
    commit_text(folder / "ablation.md", table)
    return AblateReport(
        folder=folder,
        table=table,
        trained=len(trained),
        already=len(finished),
        failures={f"{trials[run].name}, seed {run.seed}": why for run, why in failures.items()},
    )


def _run_of(
    base: TrainRun, variant: Variant, seed: int, parts: Sequence[str], folder: str
) -> TrainRun:
    name = "-".join(part for part in parts if part in variant.parts) or "baseline"
    switches: dict[str, Any] = {part: part in variant.parts for part in parts}
    name = f"{folder}/{name}-seed{seed}"
    return replace(base, out=base.out.absolute(), seed=seed, name=name, **switches)


def _train_all(
    trials: Mapping[TrainRun, Variant],
) -> tuple[dict[TrainRun, TrainReport], dict[TrainRun, str]]:
    """Run trainings on Ray and return the reports, and the reasons of those that failed."""
    reports: dict[TrainRun, TrainReport] = {}
    failures: dict[TrainRun, str] = {}
    for done, (run, outcome) in enumerate(run_tasks(train, list(trials)), start=1):
        if isinstance(outcome, TaskFailed):
            failures[run] = outcome.reason
        else:
            reports[run] = outcome
        logger.info("%d of %d: %s, seed %d", done, len(trials), trials[run].name, run.seed)
    return reports, failures


def tabulate(
    trials: Mapping[TrainRun, Variant],
    parts: Sequence[str],
    reports: Mapping[TrainRun, TrainReport],
) -> str:
    """Return the Markdown table of means over seeds; where videos are missing, of how many."""
    lines = []
    is_partial = any(report.coverage.is_partial for report in reports.values())
    for variant in dict.fromkeys(trials.values()):
        own = [report.metrics for run, report in reports.items() if trials[run] == variant]
        over = [str(r.coverage) for run, r in reports.items() if trials[run] == variant][:1]
        marks = ("✓" if part in variant.parts else "" for part in parts)
        figures = spread(own) if own else {}
        cells = (figures[k].percent(1) if own else "failed" for k in HEADLINE.values())
        line = [variant.name, *marks, *cells, str(len(own))]
        lines.append([*line, *(over or [""])] if is_partial else line)
    header = ["variant", *(part.replace("_", " ") for part in parts), *HEADLINE, "seeds"]
    header += ["over"] if is_partial else []
    return markdown_table(header, lines)
