"""The settings of the stages, in the order a user meets them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import OmitArgPrefixes


@dataclass(frozen=True)
class ReadOptions:
    """How videos are read and encoded, by whichever command reads them."""

    decoder: Literal["auto", "decord", "pyav"] = "auto"
    """Who reads the files; pixels do not depend on it."""
    batch: int = 64
    """Images the encoder sees at once."""
    workers: int | None = None
    """At most so many shard workers; one a GPU, or one a node without GPUs, by default."""
    deadline: float = 120.0
    """Seconds a decode worker may be silent before it is killed; a whole video may take that, or
    four times its own duration where that is more."""
    decoder_memory: float = 4.0
    """GiB that a decode worker may take for one video."""
    strict: bool = False
    """Refuse a video that does not hold what its container announces, instead of marking it."""
    retry_failed: bool = False
    """Try the videos again that an earlier run recorded as failures."""


@dataclass(frozen=True)
class ExtractRun:
    """Read a data set's videos and write their CLIP segment features as HDF5 shards."""

    dataset: str = "synthetic"
    """Data set: synthetic, folder, ucf or xd."""
    root: Path | None = None
    """Folder of its videos; the synthetic set is generated when none is given."""
    lists: Path | None = None
    """Folder of the data set's lists; the root or one folder below it by default."""
    out: Path = Path("outputs")
    """Folder of all outputs; features go to OUT/<dataset>/features."""
    recipe: str | None = None
    """How frames become features: vadclip, centre (center), squash or demo; a data set has one."""
    clip: str | None = None
    """CLIP model by its open_clip name; the recipe's own by default."""
    weights: str = ""
    """Weights of it: an open_clip tag or the path of a weight file; 'openai' by default."""
    frames: Literal["mean16", "first", "middle"] | None = None
    """Frames of a segment that are encoded; the recipe's own by default."""
    crops: Literal["ten", "centre"] | None = None
    """Crops of a frame; the recipe's own by default."""
    channels: Literal["rgb", "bgr"] | None = None
    """Order in which the encoder sees the colours; bgr is what a script that swaps them makes."""
    tail: Literal["keep", "drop"] | None = None
    """A last segment of fewer than 16 frames; the recipe's own by default."""
    l2_normalise: bool | None = None
    """Bring each frame's feature to length 1 before the mean; the recipe's own by default."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Arithmetic of the encoder; auto takes bf16 or fp16 where the hardware has it."""
    videos_per_shard: int = 8
    """Whole videos in one shard: what a crash can lose, and the unit of work of a worker."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


@dataclass(frozen=True)
class TrainRun:
    """Train DSANet on the features of a data set and score its test split."""

    dataset: str | None = None
    """Data set to train on; the one whose features were extracted last by default."""
    out: Path = Path("outputs")
    """Folder of all outputs; the checkpoint goes to OUT/<dataset>/<name>."""
    protocol: Literal["heldout", "paper"] = "heldout"
    """Which videos choose the weights: a held-out share of the training videos, or the test split
    with a reload after each epoch, as published."""
    preset: str | None = None
    """Model and training settings by name: ucf, xd or small; the data set's own by default."""
    weights: str = ""
    """CLIP weights for the text tower: a tag or a file; those of the extraction by default."""
    seed: int = 234
    """Seed of initialisation, sampling and the held-out share."""
    seeds: str = ""
    """Several seeds, as 1,2,3: one training each, then mean and standard deviation."""
    name: str = "train"
    """Folder of the checkpoint below OUT/<dataset>; of several seeds, <name>-seed<n>."""
    normality: bool = True
    """Self-guided normality modelling; --no-normality leaves it out."""
    alignment: bool = True
    """Event and background alignment; --no-alignment leaves it out."""
    text_adapter: bool = True
    """The trained text adapter; --no-text-adapter takes CLIP's own text features."""
    epochs: int | None = None
    """Passes over the training samples; the preset's own by default."""
    batch: int | None = None
    """Samples of a step (of each kind, where they are paired); the preset's own by default."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""
    arithmetic: Literal["fp32", "bf16"] = "fp32"
    """Matrix products of the training; bf16 is quicker where the hardware has it, less exact."""
    force: bool = False
    """Train again although a finished checkpoint with these settings is there."""


@dataclass(frozen=True)
class ScoreRun:
    """Score new videos in one pass: decode, CLIP, DSANet, Parquet."""

    videos: Path
    """A video, or a folder with videos anywhere below it."""
    checkpoint: Path
    """Folder that `train` wrote, for example outputs/ucf/train."""
    out: Path | None = None
    """Folder for scores/, events/ and videos/; outputs/scores/<name of the folder> by default."""
    weights: str = ""
    """CLIP weights: a tag or a file; those named in the checkpoint by default."""
    threshold: float = 0.5
    """Score from which a frame is anomalous and an event begins."""
    videos_per_part: int = 8
    """Whole videos in one Parquet part: what a crash can lose."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


@dataclass(frozen=True)
class EvaluateRun:
    """Score a data set's test split with a checkpoint and compare with its truth."""

    checkpoint: Path | None = None
    """Folder that `train` wrote; the one that was trained last by default."""
    dataset: str | None = None
    """Data set whose features are scored; the one the checkpoint was trained on by default."""
    out: Path = Path("outputs")
    """Folder of all outputs; features are read from OUT/<dataset>/features."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""


@dataclass(frozen=True)
class ReportRun:
    """Draw the score curve of every scored video and list events and failures on one page."""

    scores: Path | None = None
    """Folder with scores/, events/ and videos/; the one that was written last by default."""
    out: Path = Path("outputs")
    """Folder of all outputs, searched when no scores are given."""


@dataclass(frozen=True)
class DemoRun:
    """Run it all once, offline, on generated videos: extract, train, evaluate, score, report."""

    out: Path = Path("outputs")
    """Folder of all outputs."""
    seed: int = 234
    """Seed of the training."""
