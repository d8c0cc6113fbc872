"""Ablation: a head with and without each of its parts, its trainings in parallel on Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.evaluation.summary import HEADLINE
from model.heads import base as heads
from pipeline.outputs import Outputs
from pipeline.stages.seeds import spread
from pipeline.stages.train import TrainReport
from pipeline.stages.training_plan import make_plan
from pipeline.stages.trials import run_trials
from stores.files.commit import commit_text
from stores.scores.tables import Value, markdown_table, write_table

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun


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
    """Return the baseline, each part alone, all without each, and all; each set of parts once."""
    words = {part: part.replace("_", " ") for part in parts}
    variants = [
        Variant("baseline", frozenset()),
        *(Variant(f"+ {words[part]}", frozenset({part})) for part in parts),
        *(Variant(f"all − {words[part]}", frozenset(parts) - {part}) for part in parts),
        Variant("all", frozenset(parts)),
    ]
    first = {variant.parts: variant for variant in reversed(variants)}
    return [variant for variant in variants if first[variant.parts] is variant]


def ablate(base: TrainRun, seeds: Sequence[int]) -> AblateReport:
    """Train every variant with every seed and commit ``ablation.md`` and ``ablation.parquet``.

    ``base`` is what all trainings have in common. Finished ones are not run again; one that fails
    (it diverged, say) is named and missing from the table.

    Raises:
        StoreError: No features, or the table cannot be written.
        ValueError: Unknown head or preset.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    parts = heads.load(base.head).parts
    folder = Outputs(base.out).ablation(make_plan(base).dataset.name, base.head)
    trials = {
        _run_of(base, variant, seed, parts): variant
        for variant in make_variants(parts)
        for seed in seeds
    }
    titles = {run: f"{variant.name}, seed {run.seed}" for run, variant in trials.items()}
    found = run_trials(titles)
    rows: list[dict[str, Value]] = [
        {
            "variant": variant.name,
            **{part: part in variant.parts for part in parts},
            "seed": run.seed,
            "test_videos": found.reports[run].coverage.evaluated,
            "listed_test_videos": found.reports[run].coverage.listed,
            **found.reports[run].metrics,
        }
        for run, variant in trials.items()
        if run in found.reports
    ]
    write_table(folder / "ablation.parquet", rows)
    table = tabulate(trials, parts, found.reports)
    commit_text(folder / "ablation.md", table)
    return AblateReport(
        folder=folder,
        table=table,
        trained=found.trained,
        already=found.already,
        failures={titles[run]: why for run, why in found.reasons.items()},
    )


def _run_of(base: TrainRun, variant: Variant, seed: int, parts: Sequence[str]) -> TrainRun:
    name = "-".join(part for part in parts if part in variant.parts) or "baseline"
    return replace(
        base,
        out=base.out.absolute(),
        seed=seed,
        name=f"ablation/{base.head}/{name}-seed{seed}",
        without=",".join(part for part in parts if part not in variant.parts),
    )


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
