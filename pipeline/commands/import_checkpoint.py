"""``import-checkpoint``: published weights to a checkpoint of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from pipeline.commands.train import IMPORTED, check_name
from pipeline.console import DONE, print_line
from pipeline.options import Location


@dataclass(frozen=True)
class ImportCheckpointRun:
    """Turn a published state dict (.pth), DSANet's or VadCLIP's, into a checkpoint of ours."""

    file: Positional[Path]
    """The .pth file; it is read without running any code that it may hold."""
    dataset: Literal["ucf", "xd"]
    """Data set it was trained on: says shapes, classes, prompts and settings."""
    out: Location = Path("outputs")
    """Folder of all outputs; the checkpoint goes to OUT/<dataset>/<name>."""
    name: str = IMPORTED
    """Folder of the checkpoint below OUT/<dataset>."""
    recipe: Literal["imported", "vadclip", "centre", "squash"] = "imported"
    """Recipe of the features it is to score: imported for published features, or one to score
    videos with (vadclip), which is a guess at how the published ones were made."""
    weights: str = ""
    """CLIP weights for that recipe: a tag or a file; 'openai' by default."""


def execute(run: ImportCheckpointRun) -> int:
    """Import the weights, print where the checkpoint is and return the exit code."""
    from pipeline.stages.import_checkpoint import import_checkpoint

    if run.name != IMPORTED:
        check_name(run.name)
    print_line(f"checkpoint: {import_checkpoint(run)}")
    return DONE
