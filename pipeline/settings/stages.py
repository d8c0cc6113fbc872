"""The settings of the stages, in the order a user meets them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import OmitArgPrefixes, Positional

from pipeline.settings.location import Location


@dataclass(frozen=True)
class ReadOptions:
    """How videos are read and encoded, by whichever command reads them."""

    decoder: Literal["auto", "decord", "pyav"] = "auto"
    """Who reads the files; pixels do not depend on it."""
    batch: int = 64
    """Images the encoder sees at once."""
    compile: bool = False
    """Compile the encoder, which takes a minute at every start: for long runs on a GPU."""
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
class EventOptions:
    """When scores become events, by whichever command finds events.

    What is not given comes from the checkpoint's calibration, else from ``model.scoring.events``.
    """

    threshold: float | None = None
    """Score from which a frame is anomalous and an event begins; 0.5 where the checkpoint is not
    calibrated."""
    release: float | None = None
    """Share of the threshold below which an event ends, 0.8 by default: a score that trembles
    around the threshold is to make one event and not ten. 1 ends it at the threshold itself."""
    minimum_frames: int | None = None
    """Shortest event in frames, 16 by default: one segment, the shortest thing a score can tell.
    Longer drops what flares up for a moment, and events that are really so short."""
    calibrated: bool = True
    """Use the calibration beside the checkpoint; --no-calibrated scores as the model was trained
    to."""


@dataclass(frozen=True)
class ExtractRun:
    """Read a data set's videos and write their CLIP segment features as HDF5 shards."""

    dataset: str = "synthetic"
    """Data set: synthetic, ucf, xd, custom (your own classes) or folder (no labels)."""
    root: Location | None = None
    """Folder of its videos; the synthetic set is generated when none is given."""
    lists: Location | None = None
    """Folder of the data set's lists; the root or one folder below it by default."""
    name: str | None = None
    """Name of a custom data set, for the commands that follow; custom by default."""
    out: Location = Path("outputs")
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
    out: Location = Path("outputs")
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
    arithmetic: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Matrix products of the training; bf16 is quicker where the hardware has it, less exact; tf32
    is between the two, on NVIDIA's GPUs alone."""
    compile: bool = False
    """Compile the training step and the scoring, which takes minutes at the start: for a GPU."""
    force: bool = False
    """Train again although a finished checkpoint with these settings is there."""


@dataclass(frozen=True)
class ScoreRun:
    """Score new videos in one pass: decode, CLIP, DSANet, Parquet."""

    videos: Location
    """A video, or a folder with videos anywhere below it."""
    checkpoint: Location
    """Folder that `train` wrote, for example outputs/ucf/train."""
    out: Location | None = None
    """Folder for scores/, events/ and videos/; outputs/scores/<name of the folder> by default."""
    weights: str = ""
    """CLIP weights: a tag or a file; those named in the checkpoint by default."""
    videos_per_part: int = 8
    """Whole videos in one Parquet part: what a crash can lose."""
    report: bool = True
    """Write pages to look at the scores with; --no-report leaves that to `report`."""
    events: OmitArgPrefixes[EventOptions] = EventOptions()
    """When scores become events."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


@dataclass(frozen=True)
class WatchRun:
    """Score the videos of a folder as they are finished, until told to stop (Ctrl-C, SIGTERM).

    Writes what `score` writes, into the same folder, and takes up where an earlier run ended.
    """

    folder: Positional[Path]
    """Folder in which videos appear, anywhere below it."""
    checkpoint: Location
    """Folder that `train` wrote, for example outputs/ucf/train."""
    out: Location | None = None
    """Folder for scores/, events/ and videos/; outputs/scores/<name of the folder> by default."""
    weights: str = ""
    """CLIP weights: a tag or a file; those named in the checkpoint by default."""
    settle: float = 5.0
    """Seconds for which a file's size and date must not change before it counts as finished; more
    where whoever writes it pauses for longer. An empty file is never finished, nor one whose name
    begins with a dot."""
    poll: float = 1.0
    """Seconds between two looks at the folder."""
    once: bool = False
    """End when everything that is there is scored."""
    idle_exit: float | None = None
    """End when nothing came for so many seconds."""
    videos_per_part: int = 8
    """Whole videos in one Parquet part, where several are finished together."""
    events: OmitArgPrefixes[EventOptions] = EventOptions()
    """When scores become events."""
    reading: OmitArgPrefixes[ReadOptions] = ReadOptions()
    """How videos are read."""


@dataclass(frozen=True)
class EvaluateRun:
    """Score a data set's test split with a checkpoint and compare with its truth."""

    checkpoint: Location | None = None
    """Folder that `train` wrote; the one that was trained last by default."""
    dataset: str | None = None
    """Data set whose features are scored; the one the checkpoint was trained on by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; features are read from OUT/<dataset>/features."""
    page: bool = True
    """Write training.html beside the figures: curves, charts, and the worst mistakes to look at."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""


@dataclass(frozen=True)
class ReportRun:
    """Write pages to look at scores with: every video, its curve, its events, what failed."""

    scores: Location | None = None
    """Folder with scores/, events/ and videos/; the one that was written last by default."""
    out: Location = Path("outputs")
    """Folder of all outputs, searched when no scores are given, and for the truth of videos."""
    proxies: bool = False
    """Make H.264 copies of the videos that browsers do not play, 480 pixels at most."""
    dataset: str | None = None
    """Data set of the videos, whose truth is shown; found below OUT by default."""
    root: Location | None = None
    """Folder of that data set."""
    lists: Location | None = None
    """Folder of its lists; the root or one folder below it by default."""


@dataclass(frozen=True)
class DemoRun:
    """Run it all once, offline, on generated videos: extract, train, evaluate, score, report."""

    out: Location = Path("outputs")
    """Folder of all outputs."""
    seed: int = 234
    """Seed of the training."""
