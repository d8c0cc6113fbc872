"""Heads beside one another: the same features, splits and protocol, several seeds each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.checkpoint import load_checkpoint
from model.evaluation.bootstrap import Interval, drawn_figures, interval_of
from model.evaluation.summary import HEADLINE, ScoredSplit, score_metrics
from model.heads import base as heads
from pipeline.outputs import Outputs
from pipeline.stages.seeds import Spread, spread
from pipeline.stages.split import TestSplit
from pipeline.stages.train import TrainReport
from pipeline.stages.training_plan import Plan, make_plan
from pipeline.stages.trials import Trials, run_trials
from pipeline.stages.zero_shot import baseline_checkpoints, note_on_baselines
from stores.files.commit import commit_text
from stores.records import VideoFeatures
from stores.scores.tables import markdown_table

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun

FINE = {"fine AUC": "auc_fine", "fine AP": "ap_fine"}
"""Frame figures of what the class probabilities leave to anomalies."""

FIGURES = HEADLINE | FINE
"""What is compared, by what people call it."""

_ZERO_SHOT = "zero-shot CLIP"

Draws = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of one head, or of one ``less`` another, with its interval over test videos."""

    figure: str
    of: str
    less: str
    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CompareReport:
    """What a comparison came to: the spread over seeds, and intervals over test videos.

    Zero-shot CLIP is a row without seeds among the heads; ``note`` says why it is not there.
    """

    folder: Path
    dataset: str
    protocol: str
    videos: int
    spreads: dict[str, dict[str, Spread]]
    seeds: dict[str, int]
    estimates: list[Estimate]
    trained: int
    already: int
    failures: dict[str, str]
    note: str = ""

    def tables(self) -> str:
        """Return two Markdown tables: means over seeds, and intervals over videos."""
        means = [
            [head, *(own[key].percent(1) for key in FIGURES.values()), str(self.seeds[head] or "-")]
            if (own := self.spreads.get(head))
            else [head, *("failed" for _ in FIGURES), "0"]
            for head in self.seeds
        ]
        rows = [
            [
                f"{each.of} − {each.less}" if each.less else each.of,
                each.figure,
                f"{100 * each.value:.1f}",
                f"{100 * each.interval.low:.1f} to {100 * each.interval.high:.1f}",
            ]
            for each in self.estimates
        ]
        seeds = markdown_table(["head", *FIGURES, "seeds"], means)
        return seeds + "\n" + markdown_table(["head", "figure", "per cent", "95 % interval"], rows)


def parse_heads(text: str) -> tuple[str, ...]:
    """Return the heads that a list such as ``dsanet,vadclip`` names, in its order.

    Raises:
        ValueError: It names fewer than two, one twice, or one that there is not.
    """
    named = tuple(part.strip() for part in text.split(","))
    for name in named:
        heads.load(name)
    if len(set(named)) < max(len(named), 2):
        raise ValueError(f"got heads {text!r}, expected different ones as in dsanet,vadclip")
    return named


def compare(base: TrainRun, names: Sequence[str], seeds: Sequence[int]) -> CompareReport:
    """Train each head with each seed and commit ``comparison.md`` and ``comparison.json``.

    ``base`` is what all trainings have in common. Finished ones are not run again; one that fails
    is named and missing from the figures.

    Raises:
        StoreError: No features, or the tables cannot be written.
        ValueError: Unknown preset.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    plan = make_plan(base)
    folder = Outputs(base.out).comparison(plan.dataset.name)
    trials = {
        replace(
            base,
            out=base.out.absolute(),
            head=name,
            seed=seed,
            name=f"{folder.name}/{name}-seed{seed}",
        ): f"{name}, seed {seed}"
        for name in names
        for seed in seeds
    }
    found = run_trials(trials)
    reports = {name: _of_head(found, name) for name in names}
    spreads = {name: spread([each.metrics for each in own]) for name, own in reports.items() if own}
    test = plan.load_test()
    splits = {
        name: [
            TestSplit(r.folder, load_checkpoint(r.folder), plan.dataset, plan.catalog, test).scored(
                base.device
            )
            for r in own
        ]
        for name, own in reports.items()
        if own
    }
    beside, note = _zero_shot(plan, test, base.device)
    splits |= {name: [split] for name, split in beside.items()}
    spreads |= {name: spread([score_metrics(split)]) for name, split in beside.items()}
    report = CompareReport(
        folder=folder,
        dataset=plan.dataset.name,
        protocol=base.protocol,
        videos=len(test),
        spreads=spreads,
        seeds={name: len(own) for name, own in reports.items()} | dict.fromkeys(beside, 0),
        estimates=_estimates({name: _draws(own) for name, own in splits.items()}, spreads),
        trained=found.trained,
        already=found.already,
        failures={trials[run]: why for run, why in found.reasons.items()},
        note=note,
    )
    _write(report, plan, found)
    return report


def _of_head(found: Trials, name: str) -> list[TrainReport]:
    return [report for run, report in found.reports.items() if run.head == name]


def _zero_shot(
    plan: Plan, test: list[VideoFeatures], device: str
) -> tuple[dict[str, ScoredSplit], str]:
    """Return zero-shot CLIP's scores by its name, and a note; none where features have no texts."""
    try:
        found = baseline_checkpoints(plan.provenance, test[0].segments.shape[2])
    except ValueError as error:
        return {}, f"zero-shot CLIP is left out: {error}"
    checkpoint = list(found.values())[-1]  # the one with an ensemble
    own = TestSplit(plan.catalog.folder, checkpoint, plan.dataset, plan.catalog, test)
    return {_ZERO_SHOT: own.scored(device)}, note_on_baselines(plan.provenance)


def _draws(splits: Sequence[ScoredSplit]) -> Draws:
    """Return the draws of each frame figure of one head, means over its seeds."""
    truths = splits[0].truths
    coarse = drawn_figures(truths, [split.counted_scores for split in splits])
    fine = drawn_figures(truths, [split.fine_scores for split in splits])
    return coarse | {f"{name}_fine": values for name, values in fine.items()}


def _estimates(
    draws: Mapping[str, Draws], spreads: Mapping[str, Mapping[str, Spread]]
) -> list[Estimate]:
    """Return each frame figure of each head, and of each head less the first one."""
    estimates = []
    for figure, key in FIGURES.items():
        drawn = {name: own[key] for name, own in draws.items() if key in own}
        means = {name: spreads[name][key].mean for name in drawn}
        for name, values in drawn.items():
            estimates.append(Estimate(figure, name, "", means[name], interval_of(values)))
        for name in list(drawn)[1:]:
            first = next(iter(drawn))
            interval = interval_of(drawn[name] - drawn[first])
            estimates.append(Estimate(figure, name, first, means[name] - means[first], interval))
    return estimates


def _write(report: CompareReport, plan: Plan, found: Trials) -> None:
    content = {
        "dataset": report.dataset,
        "protocol": report.protocol,
        "recipe_fingerprint": plan.provenance.recipe_fingerprint,
        "videos": report.videos,
        "heads": {
            name: {
                "seeds": {
                    run.seed: each.metrics
                    for run, each in found.reports.items()
                    if run.head == name
                },
                "spread": {
                    figure: own._asdict() for figure, own in report.spreads.get(name, {}).items()
                },
            }
            for name in report.seeds
        },
        "estimates": [
            asdict(each) | {"interval": each.interval._asdict()} for each in report.estimates
        ],
        "note": report.note,
        "failures": report.failures,
    }
    commit_text(report.folder / "comparison.md", report.tables())
    commit_text(report.folder / "comparison.json", json.dumps(content, indent=1) + "\n")
