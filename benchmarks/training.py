"""How near is a training step to what matrix products alone take, and how much memory has it?

    python benchmarks/training.py [--samples 128] [--rounds 3] [--curve 200] [--more]

The published UCF-Crime step: 128 samples of 256 segments, width 512, on the processor. ``in one
piece`` is the plain step, all of whose padding is computed; ``in parts`` the one that training
makes. ``products alone`` is the time that the plain step's float32 multiplications take in matrix
products of the model's shapes. A whole step and its memory are measured in a process of their own,
for samples of mixed length; ``--more`` adds one of full samples and one in one piece.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

import torch
from measuring import Figure, finish, machine, once, peak_mib, show_timings, take_turns
from torch.utils.flop_counter import FlopCounterMode

from extract import tiny
from extract.recipe import TINY_MODEL
from model.build import build_dsanet, build_text_encoder
from model.config import PRESETS, Arithmetic, ModelConfig
from model.data import Batch
from model.dsanet import Dsanet
from model.losses import loss_terms
from model.optim import build_optimisers
from model.step import gather_gradients, step_programs
from model.temporal import VideoEncoder
from model.tower import empty_text_tower, text_tower

MODEL, TRAINING = PRESETS["ucf"]
AUTHORS_SECONDS = 71.0


def build_model(settings: ModelConfig = MODEL) -> Dsanet:
    """Return a model with random weights, the text tower of its CLIP included."""
    torch.manual_seed(0)
    if settings.width == tiny.WIDTH:
        tower = text_tower(tiny.tiny_clip(), TINY_MODEL)
    else:
        tower = empty_text_tower("ViT-B-16-quickgelu")
        for parameter in tower.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    prompts = [[f"a video of kind {k}"] for k in range(settings.classes)]
    return build_dsanet(settings, build_text_encoder(settings, tower, prompts))


def make_batch(
    samples: int, settings: ModelConfig = MODEL, *, seed: int = 0, full: bool = False
) -> Batch:
    """Return half normal and half anomalous samples; two thirds shorter than the window, or none.

    Lengths are spread evenly from an eighth of a window to one and a half, longer ones resampled.
    """
    window = settings.window
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(window // 8, 3 * window // 2, (samples,), generator=random)
    lengths = lengths.clamp_max(window) if not full else torch.full((samples,), window)
    features = 0.4 * torch.randn(samples, window, settings.width, generator=random)
    features[torch.arange(window) >= lengths[:, None]] = 0
    labels = torch.zeros(samples, settings.classes)
    labels[: samples // 2, 0] = 1
    kinds = 1 + torch.arange(samples - samples // 2) % (settings.classes - 1)
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


def in_parts(model: Dsanet, batch: Batch, arithmetic: Arithmetic = "fp32") -> None:
    """Make a step's gradients as training does."""
    model.zero_grad()
    gather_gradients(step_programs(model, arithmetic), batch, TRAINING.align_weight, TRAINING.part)


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


def loss_curve(steps: int, arithmetic: Arithmetic, small: bool) -> list[float]:
    """Return the total loss of the first steps on a few samples that do not change."""
    settings, training = PRESETS["small"] if small else (MODEL, TRAINING)
    model = build_model(settings)
    batch = make_batch(settings.classes, settings)
    optimisers = build_optimisers(model, training.learning_rate)
    programs = step_programs(model, arithmetic)
    losses = []
    for _ in range(steps):
        optimisers.zero_grad()
        terms = gather_gradients(programs, batch, training.align_weight, training.part)
        optimisers.step(training.learning_rate, training.learning_rate)
        losses.append(float(terms.total(training.align_weight)))
    return losses


def compare_arithmetic(
    model: Dsanet, steps: int
) -> tuple[list[Figure], dict[Arithmetic, list[float]]]:
    """Return how bfloat16 products compare with float32 ones, and both loss curves.

    Without bfloat16 in hardware one sample stands for the time, and the demo's model for the curve.
    """
    slow = not machine()["bfloat16"]
    few = make_batch(1 if slow else 16)
    ways: dict[Arithmetic, Callable[[], object]] = {
        "fp32": lambda: in_parts(model, few, "fp32"),
        "bf16": lambda: in_parts(model, few, "bf16"),
    }
    timings = take_turns(ways, rounds=1 if slow else 3)
    curves = {name: loss_curve(steps, name, small=slow) for name in ways}
    for name, losses in curves.items():
        every = losses[:: max(steps // 10, 1)]
        print(f"loss, {name:6} " + " ".join(f"{loss:8.4f}" for loss in [*every, losses[-1]]))
    gaps = [abs(a - b) for a, b in zip(curves["bf16"], curves["fp32"], strict=True)]
    return [
        Figure(
            "training: bf16 against float32",
            timings["fp32"].processor / timings["bf16"].processor,
            "times",
            at_least=2.5,
        ),
        Figure("training: loss at the start", curves["fp32"][0], ""),
        Figure(f"training: loss after {steps} steps", curves["fp32"][-1], ""),
        Figure(f"training: loss after {steps} steps in bf16", curves["bf16"][-1], ""),
        Figure("training: largest gap of the loss curves", max(gaps), ""),
    ], curves


def whole_step(*arguments: str) -> dict[str, float]:
    """Return one whole step's wall seconds and the peak memory in GiB, of a fresh process."""
    command = [sys.executable, __file__, "--child", *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def parse() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=128, help="of the whole step")
    parser.add_argument("--compared", type=int, default=16, help="samples of the compared steps")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--curve", type=int, default=200, help="steps of the two loss curves")
    parser.add_argument(
        "--more", action="store_true", help="whole steps without padding, and in one piece: 20 GiB"
    )
    parser.add_argument("--full", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Compare and print."""
    options = parse()
    model = build_model()
    if options.child:
        batch = make_batch(options.samples, full=options.full)
        timing = once(lambda: WAYS[options.child](model, batch))
        found = {"seconds": timing.wall, "processor": timing.processor}
        print(json.dumps(found | {"gib": peak_mib() / 1024}))
        return
    batch = make_batch(options.compared)
    with FlopCounterMode(display=False) as counter:
        plainly(model, batch)
    flops = counter.get_total_flops()
    ways = {name: lambda way=way: way(model, batch) for name, way in WAYS.items()}
    timings = take_turns(ways | {"products alone": products(flops)}, options.rounds)
    show_timings(timings)
    in_bf16, curves = compare_arithmetic(model, options.curve)
    piece, parts, limit = timings.values()
    samples = ("--samples", str(options.samples))
    whole = whole_step("in parts", *samples)
    times = AUTHORS_SECONDS / whole["seconds"]
    figures = [
        Figure("training: share of samples that is not padding", _filled(batch), ""),
        Figure("training: arithmetic of a plain sample", flops / options.compared / 1e9, "GFLOP"),
        Figure("training: float32 products", flops / limit.wall / 1e9, "GFLOP/s"),
        Figure("training: products of the plain step to ours", limit.wall / parts.wall, "times"),
        Figure("training: in one piece to in parts", piece.wall / parts.wall, "times"),
        Figure("training: whole step", whole["seconds"], "s"),
        Figure("training: against the authors' 71 s", times, "times", at_least=1.3),
        Figure("training: whole step, peak memory", whole["gib"], "GiB", at_most=12.0),
        *in_bf16,
    ]
    if options.more:
        full = whole_step("in parts", "--full", *samples)
        plain = whole_step("in one piece", *samples)
        figures += [
            Figure("training: whole step without padding", full["seconds"], "s"),
            Figure("training: without padding, peak memory", full["gib"], "GiB", at_most=12.0),
            Figure("training: one piece, whole step", plain["seconds"], "s"),
            Figure("training: one piece, peak memory", plain["gib"], "GiB"),
        ]
    settings = vars(options) | {"part": TRAINING.part, "curves": curves}
    finish("training", settings, figures, timings)


def _filled(batch: Batch) -> float:
    return float(batch.lengths.sum()) / (len(batch.lengths) * batch.features.shape[1])


if __name__ == "__main__":
    main()
