"""The scorer and the vision tower as ONNX: one file each, any batch, no Python needed to run them.

Everything is float32, whatever a recipe's precision is: runtimes differ in what they make of less.
Each program is run by onnxruntime and compared with torch before it is kept.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from extract.crops import crop_side
from extract.encoder import ClipEncoder
from extract.recipe import Recipe
from model.checkpoint import Checkpoint
from model.heads.segment_scorer import SegmentScorer

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SCORER = "scorer.onnx"
ENCODER = "encoder.onnx"

LARGEST_GAP = 1e-4
"""What an output may differ by, of its largest value: rounding makes a hundredth of that."""

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_MOST_BYTES = 2**31 - 2**20  # of a protobuf file, less what is no weight


def check_installed() -> None:
    """Raise ValueError where the packages of the extra ``onnx`` are not all here."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ValueError(f"--format onnx needs {', '.join(missing)}: pip install '.[onnx]'")


class _Images(nn.Module):
    """An encoder as a module: images of pixels 0 to 255 in, features out."""

    def __init__(self, encoder: ClipEncoder) -> None:
        super().__init__()
        self.tower = encoder.tower
        self._encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        return self._encoder.compute(images)


def write_encoder(path: Path, encoder: ClipEncoder, recipe: Recipe) -> float:
    """Write the tower with its normalisation: ``images`` uint8 [b,3,h,w] to ``features`` [b,d].

    Images are the recipe's crops; it is kept in the file's metadata. Returns the largest gap to
    torch, as a share of the largest value.

    Raises:
        ValueError: The tower is too large for one file, or onnxruntime computes something else.
    """
    side, facts = crop_side(recipe), {"recipe": json.loads(recipe.to_json())}
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, side, side), dtype=torch.uint8, generator=generator)
    return _write(path, _Images(encoder).eval(), {"images": images}, ["features"], facts)


def write_scorer(path: Path, scorer: SegmentScorer, checkpoint: Checkpoint) -> float:
    """Write the scorer: ``features`` [b,t,d] and ``lengths`` [b] to scores and probabilities.

    Features are float32 and zero from each length on. Returns and errors as :func:`write_encoder`.
    """
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([scorer.window, max(1, scorer.window // 3), 1])
    features = torch.randn(3, scorer.window, checkpoint.model.width, generator=generator)
    features[torch.arange(scorer.window) >= lengths.unsqueeze(1)] = 0
    provenance = checkpoint.provenance
    facts = {
        "classes": provenance.classes,
        "model_fingerprint": checkpoint.fingerprint,
        "recipe": json.loads(provenance.recipe),
    }
    inputs = {"features": features, "lengths": lengths}
    return _write(path, scorer, inputs, ["score", "probabilities"], facts)


def open_program(path: Path) -> InferenceSession:
    """Return a program that runs on the CPU, with as many threads as torch has."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _write(
    path: Path,
    program: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: list[str],
    facts: Mapping[str, object],
) -> float:
    size = sum(tensor.nbytes for tensor in program.state_dict().values())
    if size > _MOST_BYTES:
        raise ValueError(
            f"{path.name} would have {size / 2**30:.1f} GiB of weights, and an ONNX file holds 2"
        )
    batch = torch.export.Dim("batch")
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about its own exporter
            made = torch.onnx.export(
                program,
                tuple(inputs.values()),
                dynamo=True,
                verbose=False,
                input_names=list(inputs),
                output_names=outputs,
                dynamic_shapes={name: {0: batch} for name in inputs},
            )
    finally:
        quiet.setLevel(level)
    assert made is not None, "torch returns what it exports with dynamo"
    made.model.metadata_props.update({name: json.dumps(value) for name, value in facts.items()})
    made.save(str(path), external_data=False)
    return _gap(path, program, inputs)


@torch.inference_mode()
def _gap(path: Path, program: nn.Module, inputs: Mapping[str, Tensor]) -> float:
    """Return the largest gap between file and program for the inputs, and for one of them alone."""
    session, gap = open_program(path), 0.0
    for count in (len(next(iter(inputs.values()))), 1):
        some = {name: tensor[:count] for name, tensor in inputs.items()}
        expected = program(*some.values())
        expected = (expected,) if isinstance(expected, Tensor) else expected
        found = session.run(None, {name: tensor.numpy() for name, tensor in some.items()})
        for ours, theirs in zip(found, expected, strict=True):
            scale = max(1e-12, float(theirs.abs().max()))
            gap = max(gap, float(np.abs(ours - theirs.numpy()).max()) / scale)
    if not gap <= LARGEST_GAP:
        raise ValueError(
            f"{path.name}: onnxruntime computes other values than torch (gap {gap:.1e}); export "
            "without --format onnx, or with other versions of torch and onnxruntime"
        )
    return gap
