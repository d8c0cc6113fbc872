"""``train``: features to a checkpoint, with one seed or several."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from model.heads import DEFAULT
from pipeline.console import DONE, print_line
from pipeline.options import Location
from stores.ranges import PositiveCount, Seed

if TYPE_CHECKING:
    from pipeline.stages.train import TrainReport
    from stores.features.feature_set import Coverage

IMPORTED = "imported"
"""Folder of a checkpoint that was imported, unless it has a name."""

_TAKEN = frozenset({"videos", "features", "evaluation", "ablation", "comparison", IMPORTED})
"""Folders beside checkpoints (see pipeline.outputs)."""

_SHOWN = {"frame AUC": "auc", "AP": "ap", "mAP@IoU": "map"}


@dataclass(frozen=True)
class TrainRun:
    """Train a head on the features of a data set and score its test split."""

    dataset: str | None = None
    """Data set to train on; the one whose features were extracted last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; the checkpoint goes to OUT/<dataset>/<name>."""
    protocol: Literal["heldout", "paper"] = "heldout"
    """Which videos choose the weights: a held-out share of the training videos, or the test split
    with a reload after each epoch, as published."""
    preset: str | None = None
    """Model and training settings by name: ucf, xd, msad, sht, tad or small; the data set's own by
    default."""
    weights: str = ""
    """CLIP weights for the text tower: a tag or a file; those of the extraction by default."""
    seed: Seed = 234
    """Seed of initialisation, sampling and the held-out share."""
    seeds: str = ""
    """Several seeds, as 1,2,3: one training each, then mean and standard deviation."""
    name: str = "train"
    """Folder of the checkpoint below OUT/<dataset>; of several seeds, <name>-seed<n>."""
    head: str = DEFAULT
    """The model between features and scores: dsanet or vadclip."""
    without: str = ""
    """Parts of the head to leave out, as in normality,text_adapter; one that it does not have is
    refused with a list of those that it has."""
    epochs: PositiveCount | None = None
    """Passes over the training samples; the preset's own by default."""
    batch: PositiveCount | None = None
    """Samples of a step (of each kind, where they are paired); the preset's own by default."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""
    arithmetic: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Matrix products of the training; bf16 is quicker where the hardware has it, less exact; tf32
    is between the two, on NVIDIA's GPUs alone."""
    compile: bool = False
    """Compile the training step and the scoring, which takes minutes at the start: for a GPU."""
    force: bool = False
    """Train again although a finished checkpoint with these settings is there."""


def execute(run: TrainRun) -> int:
    """Train, print the figures of the test split and return the exit code."""
    check_name(run.name)
    if run.seeds:
        return _execute_seeds(run)
    from pipeline.stages.train import train

    report = train(run)
    what = "trained" if report.trained else "was trained with these settings before"
    print_line(
        f"model: {what} on {report.samples} samples of {report.dataset}, {report.steps} steps in "
        f"{report.seconds:.1f} s · {report.folder}"
    )
    print_line(f"  test split: {_figures(report)}")
    return DONE


def check_name(name: str) -> None:
    """Raise ValueError where a checkpoint's folder would not be one of its own below OUT."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(f"--name {name!r} is no plain name; use letters, digits, - and _")
    if name in _TAKEN:
        raise ValueError(f"--name {name} is the folder of something else; give another name")


def _execute_seeds(run: TrainRun) -> int:
    """Print every seed's figures, then their mean and standard deviation."""
    from pipeline.stages.seeds import train_seeds

    report = train_seeds(run)
    for seed, each in report.reports.items():
        print_line(f"seed {seed}: {_figures(each)} · {each.folder}")
    over = _over(next(iter(report.reports.values())).coverage)
    spread = ", ".join(
        f"{name} {report.spread[key].percent(2)} %{over}" for name, key in _SHOWN.items()
    )
    print_line(f"{len(report.reports)} seeds: {spread} · {report.file}")
    return DONE


def _figures(report: TrainReport) -> str:
    over = _over(report.coverage)
    return ", ".join(
        f"{name} {100 * report.metrics[key]:.2f} %{over}" for name, key in _SHOWN.items()
    )


def _over(coverage: Coverage) -> str:
    """Return what stands beside a figure that is not of all test videos."""
    return f" ({coverage})" if coverage.is_partial else ""
