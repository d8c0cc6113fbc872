"""How near is a training step to what matrix products alone take, and how much memory has it?

    python benchmarks/training.py [--samples 128] [--rounds 3] [--curve 200]

The published UCF-Crime step: 128 samples of 256 segments, width 512, on the processor. ``in one
piece`` is the plain step, ``in parts`` the one that training makes. The limit is the time that the
same number of float32 multiplications takes in matrix products of the model's shapes. Each way's
memory is measured in a process of its own; the plain one is left out where memory is short.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

import psutil
import torch
from measuring import Figure, finish, machine, once, peak_mib, show_timings, take_turns
from torch.utils.flop_counter import FlopCounterMode

from model.build import build_dsanet, build_text_encoder
from model.config import PRESETS
from model.data import Batch
from model.dsanet import Dsanet
from model.losses import loss_terms
from model.optim import build_optimisers
from model.step import gather_gradients
from model.temporal import VideoEncoder
from model.tower import empty_text_tower

MODEL, TRAINING = PRESETS["ucf"]
AUTHORS_SECONDS = 71.0
AUTHORS_GIB = 17.0
_PLAIN_GIB = 0.16  # a sample in one piece, with room


def build_model() -> Dsanet:
    """Return the published model with random weights, CLIP's text tower included."""
    torch.manual_seed(0)
    tower = empty_text_tower("ViT-B-16-quickgelu")
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    prompts = [[f"a video of kind {k}"] for k in range(MODEL.classes)]
    return build_dsanet(MODEL, build_text_encoder(MODEL, tower, prompts))


def make_batch(samples: int, seed: int = 0) -> Batch:
    """Return half normal and half anomalous samples; a third of them shorter than the window."""
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(32, 384, (samples,), generator=random).clamp_max(MODEL.window)
    features = 0.4 * torch.randn(samples, MODEL.window, MODEL.width, generator=random)
    features[torch.arange(MODEL.window) >= lengths[:, None]] = 0
    labels = torch.zeros(samples, MODEL.classes)
    labels[: samples // 2, 0] = 1
    kinds = 1 + torch.arange(samples - samples // 2) % (MODEL.classes - 1)
    labels[torch.arange(samples // 2, samples), kinds] = 1
    return Batch(features, lengths, labels)


def padding_computed() -> AbstractContextManager[object]:
    """Return a context in which padding is computed for every sample, as it is on a GPU."""
    return patch.object(VideoEncoder, "attend_once", VideoEncoder.attend)


def plainly(model: Dsanet, batch: Batch) -> None:
    """Make a step's gradients in one piece, padding computed like everything else."""
    model.zero_grad()
    with padding_computed():
        output = model(batch.features, batch.lengths)
    total = loss_terms(output, batch.labels, batch.lengths).total(TRAINING.align_weight)
    torch.autograd.backward(total)


def in_parts(model: Dsanet, batch: Batch) -> None:
    """Make a step's gradients as training does."""
    model.zero_grad()
    gather_gradients(model, batch, TRAINING.align_weight, TRAINING.part)


WAYS: dict[str, Callable[[Dsanet, Batch], None]] = {"in one piece": plainly, "in parts": in_parts}


def products(flops: float) -> Callable[[], None]:
    """Return a call that does so many operations in products of the model's largest shape."""
    rows, width = 4096, MODEL.width
    x, weight = torch.randn(rows, width), torch.randn(4 * width, width)
    count = max(1, round(flops / (2 * rows * width * 4 * width)))

    def multiply() -> None:
        for _ in range(count):
            torch.mm(x, weight.T)

    return multiply


def loss_curve(steps: int, arithmetic: str) -> list[float]:
    """Return the total loss of the first steps on a few samples that do not change."""
    model, batch = build_model(), make_batch(2)
    optimisers = build_optimisers(model, TRAINING.learning_rate)
    losses = []
    for _ in range(steps):
        optimisers.zero_grad()
        terms = gather_gradients(model, batch, TRAINING.align_weight, 2, arithmetic)
        optimisers.step(TRAINING.learning_rate, TRAINING.learning_rate)
        losses.append(float(terms.total(TRAINING.align_weight)))
    return losses


def compare_arithmetic(model: Dsanet, steps: int) -> tuple[list[Figure], dict[str, list[float]]]:
    """Return how bfloat16 products compare with float32 ones, and both loss curves."""
    small = make_batch(2)
    ways = {
        name: lambda name=name: gather_gradients(model, small, TRAINING.align_weight, 2, name)
        for name in ("fp32", "bf16")
    }
    timings = take_turns(ways, rounds=2)
    curves = {name: loss_curve(steps, name) for name in ways}
    for name, losses in curves.items():
        print(f"loss, {name:6} " + " ".join(f"{loss:8.4f}" for loss in losses))
    gaps = [abs(a / b - 1) for a, b in zip(curves["bf16"], curves["fp32"], strict=True)]
    quicker = timings["fp32"].processor / timings["bf16"].processor
    return [
        Figure("training: bf16 against float32", quicker, "times", at_least=2.5),
        Figure("training: largest gap of the loss curves", max(gaps), "relative"),
    ], curves


def whole_step(way: str, samples: int) -> dict[str, float]:
    """Return one whole step's wall seconds and the peak memory in GiB, of a fresh process."""
    command = [sys.executable, __file__, "--child", way, "--samples", str(samples)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=128, help="of the whole step")
    parser.add_argument("--compared", type=int, default=32, help="samples of the compared steps")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--curve", type=int, default=None, help="steps of the two loss curves")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.curve is None:  # without bfloat16 products a step takes seven times as long
        options.curve = 200 if machine()["bfloat16"] else 3
    model = build_model()
    if options.child:
        batch = make_batch(options.samples)
        timing = once(lambda: WAYS[options.child](model, batch))
        found = {"seconds": timing.wall, "processor": timing.processor}
        print(json.dumps(found | {"gib": peak_mib() / 1024}))
        return
    batch = make_batch(options.compared)
    with FlopCounterMode(display=False) as counter:
        plainly(model, batch)
    flops = counter.get_total_flops()
    ways = {name: lambda way=way: way(model, batch) for name, way in WAYS.items()}
    timings = take_turns(ways | {"products alone (the limit)": products(flops)}, options.rounds)
    show_timings(timings)
    in_bf16, curves = compare_arithmetic(model, options.curve)
    piece, parts, limit = timings.values()
    whole = whole_step("in parts", options.samples)
    figures = [
        Figure("training: arithmetic of a step a sample", flops / options.compared / 1e9, "GFLOP"),
        Figure("training: float32 products", flops / limit.wall / 1e9, "GFLOP/s"),
        Figure(
            "training: share of the limit, whole arithmetic", limit.processor / parts.processor, ""
        ),
        Figure("training: in parts against one piece", piece.processor / parts.processor, "times"),
        Figure("training: whole step", whole["seconds"], "s"),
        Figure("training: whole step, processor", whole["processor"], "s"),
        Figure(
            "training: against the authors' 71 s",
            AUTHORS_SECONDS / whole["seconds"],
            "times",
            at_least=1.3,
        ),
        Figure("training: peak memory", whole["gib"], "GiB", at_most=12.0),
        *in_bf16,
    ]
    if psutil.virtual_memory().available > options.samples * _PLAIN_GIB * 2**30:
        plain = whole_step("in one piece", options.samples)
        figures += [
            Figure("training: one piece, whole step", plain["seconds"], "s"),
            Figure("training: one piece, peak memory", plain["gib"], "GiB"),
        ]
    settings = vars(options) | {"part": TRAINING.part, "curves": curves}
    finish("training", settings, figures, timings)


if __name__ == "__main__":
    main()
