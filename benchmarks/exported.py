"""How quick are exported ONNX programs beside torch, on a processor, and how near are they?

    python benchmarks/exported.py [--model ViT-B-16] [--windows 50] [--images 4] [--rounds 5]

Random weights: neither time nor rounding depends on them much. The scorers are of UCF-Crime's
shape, for windows as they come (lengths of 1 to 256 segments, half of the rows padding) and for
full ones: torch computes the attention of padding once, an ONNX program knows no such short way.
Both have the same threads. Needs the packages of the extra ``onnx``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from measuring import Figure, Timing, finish, show_timings, take_turns
from numpy.typing import NDArray
from torch import Tensor

from extract.encoder import ClipEncoder
from extract.recipe import RECIPES
from model.checkpoint import Checkpoint, Provenance
from model.heads import base as heads
from model.heads.segment_scorer import SegmentScorer, SegmentScores, Temperatures
from pipeline.stages.onnx_programs import open_program, write_encoder, write_scorer

CPU = torch.device("cpu")


def make_scorer(head: str) -> tuple[SegmentScorer, Checkpoint]:
    """Return a scorer of UCF-Crime's shape with random weights, and its checkpoint."""
    kind = heads.load(head)
    model, training = kind.configure("ucf")
    torch.manual_seed(0)
    branches, text = kind.build_branches(model), torch.randn(model.classes, model.width)
    scorer = SegmentScorer(branches, text, kind.distribution, Temperatures(training.temperature))
    recipe = RECIPES["vadclip"]
    provenance = Provenance(
        dataset="made-up",
        classes=tuple(f"class {number}" for number in range(model.classes)),
        prompts=(),
        test_crop=0,
        recipe=recipe.to_json(),
        recipe_fingerprint=recipe.fingerprint,
        clip_weights="",
        protocol="heldout",
    )
    checkpoint = Checkpoint(
        head=head,
        model=model,
        training=training,
        provenance=provenance,
        metrics={},
        state={},
        text=text,
    )
    return scorer.eval(), checkpoint


def windows_of(count: int, scorer: SegmentScorer, width: int, *, full: bool) -> dict[str, Tensor]:
    """Return the inputs of so many windows."""
    generator = torch.Generator().manual_seed(1)
    window = scorer.window
    lengths = torch.randint(1, window + 1, (count,), generator=generator)
    lengths = torch.full_like(lengths, window) if full else lengths
    features = 0.4 * torch.randn(count, window, width, generator=generator)
    features[torch.arange(window) >= lengths.unsqueeze(1)] = 0
    return {"features": features, "lengths": lengths}


def compare(
    name: str,
    program: Callable[..., Tensor | SegmentScores],
    path: Path,
    inputs: dict[str, Tensor],
    rounds: int,
) -> tuple[dict[str, Timing], list[Figure]]:
    """Return what both take for some inputs in turns, and the figures of that."""
    session = open_program(path)
    plain = {key: value.numpy() for key, value in inputs.items()}
    kept: dict[str, list[NDArray[np.float32]]] = {}

    def by_torch() -> None:
        with torch.inference_mode():
            found = program(*inputs.values())
        tensors = [found] if isinstance(found, Tensor) else list(found)
        kept["torch"] = [tensor.numpy() for tensor in tensors]

    def by_onnx() -> None:
        kept["onnx"] = session.run(None, plain)

    timings = take_turns({f"{name}, torch": by_torch, f"{name}, ONNX": by_onnx}, rounds)
    show_timings(timings)
    torch_time, onnx_time = timings.values()
    count = len(next(iter(inputs.values())))
    gap = max(
        float(np.abs(ours - theirs).max())
        for ours, theirs in zip(kept["onnx"], kept["torch"], strict=True)
    )
    return timings, [
        Figure(f"exported: {name}, torch", count / torch_time.wall, "a second"),
        Figure(f"exported: {name}, ONNX", count / onnx_time.wall, "a second"),
        Figure(f"exported: {name}, ONNX to torch", torch_time.wall / onnx_time.wall, "times"),
        Figure(f"exported: {name}, largest gap", gap, "", at_most=1e-4),
    ]


def main() -> None:
    """Export, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="ViT-B-16")
    parser.add_argument("--windows", type=int, default=50)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    timings: dict[str, Timing] = {}
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for head in heads.names():
            path = Path(folder) / f"{head}.onnx"
            scorer, checkpoint = make_scorer(head)
            write_scorer(path, scorer, checkpoint)
            for kind in ("mixed windows", "full windows"):
                inputs = windows_of(
                    options.windows, scorer, checkpoint.model.width, full=kind == "full windows"
                )
                some = compare(f"{head}, {kind}", scorer, path, inputs, options.rounds)
                timings, figures = timings | some[0], figures + some[1]
        clip = open_clip.create_model(options.model).eval().requires_grad_(False)
        encoder = ClipEncoder(clip, device=CPU, precision="fp32")
        path = Path(folder) / "encoder.onnx"
        write_encoder(path, encoder, RECIPES["vadclip"])
        images = torch.randint(0, 256, (options.images, 3, 224, 224), dtype=torch.uint8)
        some = compare(
            f"{options.model}, images", encoder.encode, path, {"images": images}, options.rounds
        )
    finish("exported", vars(options), figures + some[1], timings | some[0])


if __name__ == "__main__":
    main()
