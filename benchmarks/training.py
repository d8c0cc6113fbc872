"""How near is a training step to what matrix products alone take, and how much memory has it?

    python benchmarks/training.py [--samples 128] [--rounds 5] [--curve 200] [--more]

The published UCF-Crime step: 128 samples of 256 segments, width 512, on the processor. ``in one
piece`` is the plain step, all of whose padding is computed; ``in parts`` the one that training
makes, ``in bf16`` the same with bfloat16 products. ``products alone`` is the time that the plain
step's float32 multiplications take in matrix products of the model's shapes. A whole step and its
memory are measured in a process of their own, once (it is sixteen parts), for samples of mixed
length; ``--more`` adds one of full samples and one in one piece. A processor without bfloat16 takes
twenty times as long for it: there one sample stands for a step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from unittest.mock import patch

import torch
from measuring import Figure, Timing, finish, machine, once, peak_mib, show_timings, take_turns
from torch.utils.flop_counter import FlopCounterMode

from extract.clip_models import TINY_WIDTH
from extract.recipe import TINY_MODEL
from extract.tiny_clip import tiny_clip
from model.heads.base import Schedule
from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import PRESETS, DsanetConfig
from model.heads.dsanet.model import Dsanet
from model.heads.temporal import VideoEncoder
from model.heads.text_tower import empty_text_tower, text_tower
from model.training.config import Arithmetic
from model.training.data import Batch
from model.training.step import gather_gradients, step_programs

MODEL, TRAINING = PRESETS["ucf"]
AUTHORS_SECONDS = 71.0


def build_model(settings: DsanetConfig = MODEL) -> Dsanet:
    """Return a model with random weights, the text tower of its CLIP included."""
    torch.manual_seed(0)
    if settings.width == TINY_WIDTH:
        tower = text_tower(tiny_clip(), TINY_MODEL)
    else:
        tower = empty_text_tower("ViT-B-16-quickgelu")
        for parameter in tower.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    prompts = [[f"a video of kind {k}"] for k in range(settings.classes)]
    return build_dsanet(settings, tower, prompts)


def make_batch(
    samples: int, settings: DsanetConfig = MODEL, *, seed: int = 0, full: bool = False
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
        text = model.class_texts()
        output = model(batch.features, batch.lengths, text, rebuild_padding=True)
    terms = output.loss_terms(batch.labels, batch.lengths)
    torch.autograd.backward(terms.total(model.loss_weights))


def in_parts(model: Dsanet, batch: Batch, arithmetic: Arithmetic = "fp32") -> None:
    """Make a step's gradients as training does."""
    model.zero_grad()
    gather_gradients(step_programs(model, arithmetic), batch, model.loss_weights, TRAINING.part)


def in_bfloat16(model: Dsanet, batch: Batch) -> None:
    """Make a step's gradients as training with ``--arithmetic bf16`` does."""
    in_parts(model, batch, "bf16")


WAYS: dict[str, Callable[[Dsanet, Batch], None]] = {
    "in one piece": plainly,
    "in parts": in_parts,
    "in bf16": in_bfloat16,
}


def products(flops: float) -> Callable[[], None]:
    """Return a call that does so many operations in products of the model's largest shape."""
    rows, width = 4096, MODEL.width
    x, weight = torch.randn(rows, width), torch.randn(4 * width, width)
    count = max(1, round(flops / (2 * rows * width * 4 * width)))

    def multiply() -> None:
        for _ in range(count):
            torch.mm(x, weight.T)

    return multiply


def loss_curve(steps: int, arithmetic: Arithmetic) -> list[float]:
    """Return the total loss of the first steps of the demo's model, on samples that do not change.

    Of the published model 200 steps take a quarter of an hour.
    """
    settings, training = PRESETS["small"]
    model = build_model(settings)
    batch = make_batch(settings.classes, settings)
    # A schedule so long that rates stay at their peak once SG-NM has warmed up.
    optimisers = model.optimisers(Schedule(training.learning_rate, 1, 1_000_000))
    programs = step_programs(model, arithmetic)
    losses = []
    for step in range(steps):
        model.zero_grad()
        terms = gather_gradients(programs, batch, model.loss_weights, training.part)
        for each in optimisers:
            each.step(0, settings.warmup_steps + step)
        losses.append(float(terms.total(model.loss_weights)))
    return losses


def compare_curves(steps: int) -> tuple[list[Figure], dict[Arithmetic, list[float]]]:
    """Return where float32 and bfloat16 training come to, and both loss curves."""
    arithmetics: tuple[Arithmetic, Arithmetic] = ("fp32", "bf16")
    curves = {name: loss_curve(steps, name) for name in arithmetics}
    for name, losses in curves.items():
        every = losses[:: max(steps // 10, 1)]
        print(f"loss, {name:6} " + " ".join(f"{loss:8.4f}" for loss in [*every, losses[-1]]))
    gaps = [abs(a - b) for a, b in zip(curves["bf16"], curves["fp32"], strict=True)]
    return [
        Figure("training: loss at the start", curves["fp32"][0], ""),
        Figure(f"training: loss after {steps} steps", curves["fp32"][-1], ""),
        Figure(f"training: loss after {steps} steps in bf16", curves["bf16"][-1], ""),
        Figure("training: largest gap of the loss curves", max(gaps), ""),
    ], curves


def compare_steps(
    model: Dsanet, batch: Batch, flops: float, rounds: int
) -> tuple[dict[str, Timing], float]:
    """Return what each way takes for the batch, and how much quicker bfloat16 is than float32."""
    has_bf16 = machine()["bfloat16"]
    names = list(WAYS) if has_bf16 else list(WAYS)[:2]
    ways: dict[str, Callable[[], None]] = {n: partial(WAYS[n], model, batch) for n in names}
    # Half the products, and twice their time: they are the same over and over.
    timings = take_turns({**ways, "half the products alone": products(flops / 2)}, rounds)
    if has_bf16:
        return timings, timings["in parts"].processor / timings["in bf16"].processor
    one = make_batch(1)
    few = take_turns({n: partial(WAYS[n], model, one) for n in ("in parts", "in bf16")}, rounds)
    named = {f"{name}, one sample": timing for name, timing in few.items()}
    return timings | named, few["in parts"].processor / few["in bf16"].processor


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
    parser.add_argument("--rounds", type=int, default=5)
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
    timings, gain = compare_steps(model, batch, flops, options.rounds)
    show_timings(timings)
    of_curves, curves = compare_curves(options.curve)
    piece, parts = timings["in one piece"], timings["in parts"]
    limit = 2 * timings["half the products alone"].wall
    samples = ("--samples", str(options.samples))
    whole = whole_step("in parts", *samples)
    times = AUTHORS_SECONDS / whole["seconds"]
    figures = [
        Figure("training: share of samples that is not padding", _filled(batch), ""),
        Figure("training: arithmetic of a plain sample", flops / options.compared / 1e9, "GFLOP"),
        Figure("training: float32 products", flops / limit / 1e9, "GFLOP/s"),
        Figure("training: products of the plain step to ours", limit / parts.wall, "times"),
        Figure("training: in one piece to in parts", piece.wall / parts.wall, "times"),
        Figure("training: whole step", whole["seconds"], "s"),
        Figure("training: against the authors' 71 s", times, "times", at_least=1.3),
        Figure("training: whole step, peak memory", whole["gib"], "GiB", at_most=12.0),
        Figure("training: bf16 against our float32", gain, "times"),
        *of_curves,
    ]
    if machine()["bfloat16"]:
        quick = whole_step("in bf16", *samples)
        times = AUTHORS_SECONDS / quick["seconds"]
        figures += [
            Figure("training: whole step in bf16", quick["seconds"], "s"),
            Figure("training: in bf16, against the authors' 71 s", times, "times", at_least=2.5),
            Figure("training: in bf16, peak memory", quick["gib"], "GiB", at_most=12.0),
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
