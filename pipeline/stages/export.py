"""Export: a checkpoint as a folder that travels, with all that belongs to it and its hashes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from extract.encoder import load_encoder
from extract.recipe import IMPORTED, Recipe, recipe_from_json
from model import checkpoint as checkpoints
from model.checkpoint import Checkpoint, build_scorer, load_checkpoint
from pipeline.stages import model_card, onnx_programs
from pipeline.stages.model_card import Evaluated, read_evaluation, write_card
from pipeline.stages.scoring_plan import find_calibration
from stores import calibration as calibrations
from stores.calibration import Calibration
from stores.files import hashes
from stores.files.commit import committing, exclusive
from stores.files.hashes import digest_of, write_hashes
from stores.records import StoreError

if TYPE_CHECKING:
    from pipeline.commands.export import ExportRun

logger = logging.getLogger(__name__)

RECIPE = "recipe.json"

_OURS = frozenset(
    {
        *(checkpoints.FILE, checkpoints.DESCRIPTION, calibrations.FILE, RECIPE, model_card.FILE),
        *(onnx_programs.SCORER, onnx_programs.ENCODER, hashes.FILE),
    }
)
"""Every file that an export may hold."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported: the folder, its files with their bytes, and what they were made of."""

    folder: Path
    files: dict[str, int]
    calibration: Calibration | None
    evaluated: Evaluated | None
    gaps: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Source:
    """A checkpoint with what lies beside it."""

    path: Path
    checkpoint: Checkpoint
    recipe: Recipe
    calibration: Calibration | None
    evaluated: Evaluated | None


def export(run: ExportRun) -> ExportReport:
    """Write a checkpoint with recipe, calibration, model card and hashes to a folder.

    Its bytes stay, and so does its fingerprint. The hashes come last: where they are, all is there.

    Raises:
        StoreError: No checkpoint, or the folder holds other things, is in use or is not writable.
        ValueError: ONNX is asked for and cannot be made.
    """
    if run.format == "onnx":
        onnx_programs.check_installed()
    source = _open(run)
    with exclusive(run.folder):
        _refuse_others(run.folder)
        (run.folder / hashes.FILE).unlink(missing_ok=True)  # they belong to what goes
        writer = _Writer(run.folder, {}, {})
        writer.copy(checkpoints.FILE, source.path)
        writer.text(checkpoints.DESCRIPTION, checkpoints.describe(source.checkpoint))
        recipe = json.loads(source.recipe.to_json())
        writer.text(RECIPE, json.dumps(recipe, indent=1) + "\n")
        if source.calibration is not None:
            writer.copy(calibrations.FILE, source.path.with_name(calibrations.FILE))
        gaps = _write_onnx(writer, run, source) if run.format == "onnx" else {}
        card = write_card(
            source.checkpoint, source.recipe, source.calibration, source.evaluated, gaps
        )
        writer.text(model_card.FILE, card)
        for stale in _OURS - writer.digests.keys():
            (run.folder / stale).unlink(missing_ok=True)
        write_hashes(run.folder, writer.digests)
    return ExportReport(run.folder, writer.sizes, source.calibration, source.evaluated, gaps)


def _open(run: ExportRun) -> _Source:
    checkpoint = load_checkpoint(run.checkpoint)
    path = run.checkpoint if run.checkpoint.is_file() else run.checkpoint / checkpoints.FILE
    if path.parent == run.folder:
        raise StoreError(f"{run.folder} is the checkpoint itself; give another folder")
    return _Source(
        path=path,
        checkpoint=checkpoint,
        recipe=recipe_from_json(checkpoint.provenance.recipe, path),
        calibration=find_calibration(path, checkpoint),
        evaluated=_find_evaluation(run, path, checkpoint),
    )


def _find_evaluation(run: ExportRun, path: Path, checkpoint: Checkpoint) -> Evaluated | None:
    """Return the evaluation that a run names, or the one beside the checkpoint if it is of it."""
    folder = run.evaluation or path.parent.parent / "evaluation"
    found = read_evaluation(folder)
    if found is not None and found.model_fingerprint == checkpoint.fingerprint:
        return found
    if run.evaluation is None:
        return None
    what = "no evaluation" if found is None else "the evaluation of another checkpoint"
    raise StoreError(f"{what} in {folder}; give a folder that `evaluate` wrote for {path}")


def _refuse_others(folder: Path) -> None:
    """Raise StoreError where a folder holds what no export writes: nothing of others is touched."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    others = [name for name in names if name not in _OURS and name[:1] != "."]
    if others:
        raise StoreError(f"{folder} holds {min(others)}, which no export wrote; give a new folder")


@dataclass(frozen=True, slots=True)
class _Writer:
    """Commits files into a folder and remembers their digests and sizes."""

    folder: Path
    digests: dict[str, str]
    sizes: dict[str, int]

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """Yield the file to write to; it gets its name when the block ends well."""
        with committing(self.folder / name) as temporary:
            yield temporary
            self.digests[name] = digest_of(temporary)
            self.sizes[name] = temporary.stat().st_size

    def copy(self, name: str, source: Path) -> None:
        with self.file(name) as temporary:
            temporary.write_bytes(source.read_bytes())

    def text(self, name: str, text: str) -> None:
        with self.file(name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _write_onnx(writer: _Writer, run: ExportRun, source: _Source) -> dict[str, float]:
    """Write scorer and encoder; return their gaps to torch by file."""
    checkpoint, calibration = source.checkpoint, source.calibration
    temperature = None if calibration is None else calibration.temperature
    scorer = build_scorer(checkpoint, torch.device("cpu"), temperature, frozen=False)
    gaps = {}
    with writer.file(onnx_programs.SCORER) as file:
        gaps[onnx_programs.SCORER] = onnx_programs.write_scorer(file, scorer, checkpoint)
    if source.recipe.frames == IMPORTED.frames:
        logger.warning("how its features are made is not known, so there is no encoder to export")
        return gaps
    weights = run.weights or checkpoint.provenance.clip_weights
    encoder = load_encoder(replace(source.recipe, precision="fp32"), weights, "cpu")
    with writer.file(onnx_programs.ENCODER) as file:
        gaps[onnx_programs.ENCODER] = onnx_programs.write_encoder(file, encoder, source.recipe)
    return gaps
