"""Several seeds of one training: a single number says little about a model this size."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.stages.train import TrainReport, train
from stores.files.commit import commit_text

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun


class Spread(NamedTuple):
    """Mean and sample standard deviation of a figure; the deviation of one value is 0.

    In words it has none then: one seed says nothing of others.
    """

    mean: float
    deviation: float

    def percent(self, decimals: int) -> str:
        """Return both in per cent, without its sign; the mean alone where all are one."""
        mean = f"{100 * self.mean:.{decimals}f}"
        return f"{mean} ± {100 * self.deviation:.{decimals}f}" if self.deviation else mean


@dataclass(frozen=True, slots=True)
class SeedsReport:
    """One report a seed, and the spread of every figure over them."""

    file: Path
    reports: dict[int, TrainReport]
    spread: dict[str, Spread]


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a list such as ``1,2,3`` names, in its order.

    Raises:
        ValueError: It names none, one twice, or something that is no number from 0 on.
    """
    parts = [part.strip() for part in text.split(",")]
    seeds = [int(part) for part in parts if part.isdecimal() and len(part) < 19]  # of 64 bits
    if len(set(seeds)) < len(parts):
        raise ValueError(f"got seeds {text!r}, expected different numbers as in 1,2,3")
    return tuple(seeds)


def train_seeds(run: TrainRun) -> SeedsReport:
    """Train once a seed, below OUT/<dataset>/<name>-seed<n>, and commit <name>-seeds.json.

    A seed that is trained already is not trained again; errors are those of ``train``.
    """
    reports = {
        seed: train(replace(run, seeds="", seed=seed, name=f"{run.name}-seed{seed}"))
        for seed in parse_seeds(run.seeds)
    }
    found = spread([each.metrics for each in reports.values()])
    dataset = next(iter(reports.values())).dataset
    content = {
        "seeds": {seed: asdict(each) for seed, each in reports.items()},
        "spread": {name: figure._asdict() for name, figure in found.items()},
    }
    file = run.out / dataset / f"{run.name}-seeds.json"
    commit_text(file, json.dumps(content, indent=1, default=str) + "\n")
    return SeedsReport(file, reports, found)


def spread(rows: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Return mean and deviation of each figure that every row has."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    columns = {name: [row[name] for row in rows] for name in names}
    return {
        name: Spread(statistics.mean(c), statistics.stdev(c) if len(c) > 1 else 0.0)
        for name, c in columns.items()
    }
