"""The settings of imports: published checkpoints and features, in the forms the field shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from pipeline.settings.location import Location


@dataclass(frozen=True)
class ImportCheckpointRun:
    """Turn a published DSANet state dict (.pth) into a checkpoint of ours."""

    file: Positional[Path]
    """The .pth file; it is read without running any code that it may hold."""
    dataset: Literal["ucf", "xd"]
    """Data set it was trained on: says shapes, classes, prompts and settings."""
    out: Location = Path("outputs")
    """Folder of all outputs; the checkpoint goes to OUT/<dataset>/imported."""
    recipe: Literal["imported", "vadclip", "centre", "squash"] = "imported"
    """Recipe of the features it is to score: imported for published features, or one to score
    videos with (vadclip), which is a guess at how the published ones were made."""
    weights: str = ""
    """CLIP weights for that recipe: a tag or a file; 'openai' by default."""


@dataclass(frozen=True)
class ImportFeaturesRun:
    """Turn a tree of published features (<video>__<crop>.npy) into shards."""

    folder: Positional[Path]
    """Folder with the .npy files anywhere below it."""
    dataset: Literal["ucf", "xd"]
    """Data set they are of: says labels, splits and truth."""
    lists: Location | None = None
    """Folder of the data set's published lists; the folder of the features by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; shards go to OUT/<dataset>/features."""
    videos_per_shard: int = 32
    """Whole videos in one shard."""
    retry_failed: bool = False
    """Try the videos again that an earlier run recorded as failures."""
