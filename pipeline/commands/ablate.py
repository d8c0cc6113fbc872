"""``ablate``: the table of a head's parts, with and without each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from model.heads import DEFAULT
from pipeline.commands.train import TrainRun
from pipeline.console import DONE, SOME_FAILED, print_line
from pipeline.options import Location
from stores.ranges import PositiveCount

if TYPE_CHECKING:
    from pipeline.stages.ablate import AblateReport


@dataclass(frozen=True)
class AblateRun:
    """Train with and without each part of a head, several seeds each, and write one table."""

    dataset: str | None = None
    """Data set to train on; the one whose features were extracted last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; the table goes to OUT/<dataset>/ablation/<head>."""
    head: str = DEFAULT
    """The head, as in train; its parts are what is left out."""
    seeds: str = "1,2,3"
    """Seeds of every variant."""
    protocol: Literal["heldout", "paper"] = "heldout"
    """Which videos choose the weights, as in train."""
    preset: str | None = None
    """Model and training settings by name: ucf, xd, msad, sht, tad or small; the data set's own by
    default."""
    weights: str = ""
    """CLIP weights for the text tower: a tag or a file; those of the extraction by default."""
    epochs: PositiveCount | None = None
    """Passes over the training samples; the preset's own by default."""
    batch: PositiveCount | None = None
    """Samples of a step; the preset's own by default."""


def execute(run: AblateRun) -> int:
    """Train what is missing, print the table and return the exit code."""
    from pipeline.stages.ablate import ablate
    from pipeline.stages.seeds import parse_seeds

    base = TrainRun(**vars(run) | {"seeds": ""})  # all other options are train's as well
    return render(ablate(base, parse_seeds(run.seeds)))


def render(report: AblateReport) -> int:
    """Print the table of an ablation and what failed."""
    print_line(f"ablation: {report.trained} trained, {report.already} were there · {report.folder}")
    print_line(report.table)
    for name, reason in report.failures.items():
        print_line(f"  failed: {name}: {reason}")
    return SOME_FAILED if report.failures else DONE
