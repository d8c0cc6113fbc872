"""The settings of experiments: what a paper's tables are made with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.settings.location import Location


@dataclass(frozen=True)
class AblateRun:
    """Train with and without each part of DSANet, several seeds each, and write one table."""

    dataset: str | None = None
    """Data set to train on; the one whose features were extracted last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; the table goes to OUT/<dataset>/ablation."""
    seeds: str = "1,2,3"
    """Seeds of every variant."""
    protocol: Literal["heldout", "paper"] = "heldout"
    """Which videos choose the weights, as in train."""
    preset: str | None = None
    """Model and training settings by name: ucf, xd or small; the data set's own by default."""
    weights: str = ""
    """CLIP weights for the text tower: a tag or a file; those of the extraction by default."""
    epochs: int | None = None
    """Passes over the training samples; the preset's own by default."""
    batch: int | None = None
    """Samples of a step; the preset's own by default."""
