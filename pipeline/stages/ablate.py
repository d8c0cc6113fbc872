"""Ablation: the paper's table of components as one command, its trainings in parallel on Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ray
from rich.progress import Progress

from pipeline.console import console
from pipeline.engine.cluster import running_cluster
from pipeline.settings import AblateRun, TrainRun
from pipeline.stages.seeds import parse_seeds, spread
from pipeline.stages.train import TrainReport, find_finished, train
from pipeline.stages.training_plan import make_plan
from stores.files.commit import commit_text
from stores.scores.tables import Value, markdown_table, write_table


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table: which parts of DSANet are in."""

    name: str
    normality: bool
    alignment: bool
    text_adapter: bool


VARIANTS = (
    Variant("baseline", normality=False, alignment=False, text_adapter=False),
    Variant("+ normality", normality=True, alignment=False, text_adapter=False),
    Variant("+ alignment", normality=False, alignment=True, text_adapter=False),
    Variant("+ text adapter", normality=False, alignment=False, text_adapter=True),
    Variant("all − normality", normality=False, alignment=True, text_adapter=True),
    Variant("all − alignment", normality=True, alignment=False, text_adapter=True),
    Variant("all − text adapter", normality=True, alignment=True, text_adapter=False),
    Variant("all", normality=True, alignment=True, text_adapter=True),
)
"""The baseline, each part alone, all without each, and all: every combination of the three."""

_SHOWN = {"frame AUC": "auc", "frame AP": "ap", "mAP@IoU 0.1-0.5": "map"}


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of the table."""

    variant: Variant
    seed: int
    run: TrainRun


@dataclass(frozen=True, slots=True)
class AblateReport:
    """Where the table lies, its text, and which trainings failed with what reason."""

    folder: Path
    table: str
    trained: int
    already: int
    failures: dict[str, str]


def ablate(run: AblateRun) -> AblateReport:
    """Train every variant with every seed and commit ``ablation.md`` and ``ablation.parquet``.

    Trainings that are finished are not run again. One that fails (it diverged, say) is named and
    missing from the table; the others go on.

    Raises:
        StoreError: No features, or the table cannot be written.
        ValueError: Unknown preset, or a list of seeds that is none.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    trials = _trials(run)
    dataset = make_plan(trials[0].run).dataset.name
    finished: dict[Trial, TrainReport] = {}
    for trial in trials:
        folder = run.out / dataset / trial.run.name
        if report := find_finished(folder, make_plan(trial.run)):
            finished[trial] = report
    missing = [trial for trial in trials if trial not in finished]
    trained, failures = _train_all(missing) if missing else ({}, {})
    table = _write(run.out / dataset / "ablation", trials, {**finished, **trained})
    return AblateReport(
        folder=run.out / dataset / "ablation",
        table=table,
        trained=len(trained),
        already=len(finished),
        failures={f"{t.variant.name}, seed {t.seed}": why for t, why in failures.items()},
    )


def _trials(run: AblateRun) -> list[Trial]:
    return [
        Trial(
            variant,
            seed,
            TrainRun(
                dataset=run.dataset,
                out=run.out.absolute(),
                protocol=run.protocol,
                preset=run.preset,
                weights=run.weights,
                epochs=run.epochs,
                batch=run.batch,
                seed=seed,
                name=f"ablation/{_folder_name(variant)}-seed{seed}",
                normality=variant.normality,
                alignment=variant.alignment,
                text_adapter=variant.text_adapter,
            ),
        )
        for variant in VARIANTS
        for seed in parse_seeds(run.seeds)
    ]


def _folder_name(variant: Variant) -> str:
    parts = ("normality", "alignment", "text_adapter")
    return "-".join(part for part in parts if getattr(variant, part)) or "baseline"


def _train_all(trials: Sequence[Trial]) -> tuple[dict[Trial, TrainReport], dict[Trial, str]]:
    """Run trainings on Ray, a GPU or else one core each: many small ones fill a machine best so."""
    reports: dict[Trial, TrainReport] = {}
    failures: dict[Trial, str] = {}
    with running_cluster() as plan, Progress(console=console, transient=True) as bar:
        shown = bar.add_task("ablation", total=len(trials))
        task = ray.remote(train).options(num_cpus=1, num_gpus=plan.gpus, max_retries=2)
        waiting = {task.remote(trial.run): trial for trial in trials}
        while waiting:
            (done, *_), _ = ray.wait(list(waiting), num_returns=1)
            trial = waiting.pop(done)
            try:
                reports[trial] = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                failures[trial] = str(error.cause)
            except ray.exceptions.RayError as error:
                failures[trial] = str(error).strip().splitlines()[0]
            bar.advance(shown)
    return reports, failures


def _write(folder: Path, trials: Sequence[Trial], reports: Mapping[Trial, TrainReport]) -> str:
    """Commit one Parquet row a training and the Markdown table of means; return the latter."""
    rows: list[dict[str, Value]] = [
        {
            "variant": trial.variant.name,
            "normality": trial.variant.normality,
            "alignment": trial.variant.alignment,
            "text_adapter": trial.variant.text_adapter,
            "seed": trial.seed,
            **reports[trial].metrics,
        }
        for trial in trials
        if trial in reports
    ]
    write_table(folder / "ablation.parquet", rows)
    lines = []
    for variant in VARIANTS:
        own = [reports[t].metrics for t in trials if t.variant == variant and t in reports]
        parts = (variant.normality, variant.alignment, variant.text_adapter)
        lines.append(
            [variant.name, *("✓" if part else "" for part in parts), *_cells(own), str(len(own))]
        )
    header = ["variant", "SG-NM", "alignment", "text adapter", *_SHOWN, "seeds"]
    table = markdown_table(header, lines)
    commit_text(folder / "ablation.md", table)
    return table


def _cells(rows: Sequence[Mapping[str, float]]) -> list[str]:
    if not rows:
        return ["failed"] * len(_SHOWN)
    found = spread(rows)
    return [
        f"{100 * found[key].mean:.1f} ± {100 * found[key].deviation:.1f}" for key in _SHOWN.values()
    ]
