"""``compare``: heads beside one another, on the same features, splits and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.commands.train import TrainRun
from pipeline.console import DONE, SOME_FAILED, print_line
from pipeline.options import Location
from stores.files.names import counted
from stores.ranges import PositiveCount

if TYPE_CHECKING:
    from pipeline.stages.compare import CompareReport


@dataclass(frozen=True)
class CompareRun:
    """Train several heads on the same features, several seeds each, and compare their figures.

    Zero-shot CLIP stands among them where the features' encoder has a text side.
    """

    dataset: str | None = None
    """Data set to train on; the one whose features were extracted last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; the tables go to OUT/<dataset>/comparison."""
    heads: str = "dsanet,vadclip"
    """Heads to compare; differences are those to the first."""
    seeds: str = "1,2,3"
    """Seeds of every head."""
    protocol: Literal["heldout", "paper"] = "heldout"
    """Which videos choose the weights, as in train."""
    preset: str | None = None
    """Each head's settings by name: ucf, xd or small; the data set's own by default."""
    weights: str = ""
    """CLIP weights for the text tower: a tag or a file; those of the extraction by default."""
    epochs: PositiveCount | None = None
    """Passes over the training samples; the preset's own by default."""
    batch: PositiveCount | None = None
    """Samples of a step; the preset's own by default."""


def execute(run: CompareRun) -> int:
    """Train what is missing, print both tables and return the exit code."""
    from pipeline.stages.compare import compare, parse_heads
    from pipeline.stages.seeds import parse_seeds

    shared = {name: value for name, value in vars(run).items() if name not in ("heads", "seeds")}
    base = TrainRun(**shared)  # all other options are train's as well
    return render(compare(base, parse_heads(run.heads), parse_seeds(run.seeds)))


def render(report: CompareReport) -> int:
    """Print the tables of a comparison and what failed."""
    print_line(
        f"comparison on {report.dataset}, protocol {report.protocol}: {report.trained} trained, "
        f"{report.already} were there · {report.folder}"
    )
    print_line(
        "means over seeds ± standard deviation, in per cent; below them intervals over draws"
    )
    print_line(f"of the {counted(report.videos, 'test video')}, those of differences paired")
    print_line(report.tables())
    if report.note:
        print_line(report.note)
    for name, reason in report.failures.items():
        print_line(f"  failed: {name}: {reason}")
    return SOME_FAILED if report.failures else DONE
