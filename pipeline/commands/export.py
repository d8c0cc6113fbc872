"""``export``: a checkpoint as a folder that travels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from pipeline.console import DONE, print_line
from pipeline.options import CheckpointLocation, Location

if TYPE_CHECKING:
    from pipeline.stages.export import ExportReport


@dataclass(frozen=True)
class ExportRun:
    """Write a checkpoint with recipe, calibration, model card and hashes to a folder of its own.

    Whatever takes a checkpoint takes that folder, or the name of a hub's repository that holds it:
    hf://owner/name.
    """

    checkpoint: Positional[CheckpointLocation]
    """Folder that `train` wrote, for example outputs/ucf/train."""
    folder: Positional[Location]
    """A new folder, or one of an earlier export, which is replaced."""
    format: Literal["safetensors", "onnx"] = "safetensors"
    """onnx adds the scorer and the encoder as ONNX programs, each compared with torch."""
    evaluation: Location | None = None
    """Folder of the evaluation that the card quotes; the one beside the checkpoint by default."""
    weights: str = ""
    """CLIP weights for the ONNX encoder: a tag or a file; those named in the checkpoint by
    default."""


def execute(run: ExportRun) -> int:
    """Export, print what the folder holds and return the exit code."""
    from pipeline.stages.export import export

    return render(export(run))


def render(report: ExportReport) -> int:
    """Print the files of an export, and what its card could say."""
    print_line(f"exported: {report.folder}")
    for name, size in report.files.items():
        gap = f", gap to torch {report.gaps[name]:.0e}" if name in report.gaps else ""
        print_line(f"  {name} ({size / 2**20:.1f} MiB{gap})")
    lacking = [
        *(["no calibration"] if report.calibration is None else []),
        *(["no evaluation of it"] if report.evaluated is None else []),
    ]
    if lacking:
        print_line(f"the model card says that there is {' and '.join(lacking)}")
    return DONE
