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


@dataclass(frozen=True)
class CalibrateRun:
    """Choose the threshold of events, and make scores honest probabilities, on labelled videos.

    Writes calibration.json beside the checkpoint, which score and watch then use. Frame truth is
    needed, and only test splits have it: figures of that split with this threshold are no longer
    those of unseen videos.
    """

    checkpoint: Location | None = None
    """Folder that `train` wrote; the one that was trained last by default."""
    dataset: str | None = None
    """Data set whose test split is used; the one the checkpoint was trained on by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; features are read from OUT/<dataset>/features."""
    false_alarms_per_hour: float | None = None
    """Take the lowest threshold with at most so many; 1 where no recall is given either."""
    recall: float | None = None
    """Take the highest threshold that finds this share of the true events."""
    temperature: bool = True
    """Fit the temperature that makes scores probabilities; --no-temperature leaves scores alone."""
    release: float | None = None
    """Share of the threshold below which an event ends, as in score."""
    minimum_frames: int | None = None
    """Shortest event in frames, as in score."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""
