"""The rows of the card and of CLIP's vision tower alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

import open_clip
import torch
from gpu_row import Row
from measuring import Figure, machine
from torch import Tensor, nn
from torch.nn import functional

from extract.encoder import ClipEncoder
from extract.features import encode_frames, frame_program
from extract.recipe import RECIPES, Precision, Recipe
from pipeline.engine.compile import compiled

GFLOP = {"ViT-B-16-quickgelu": 35.2, "ViT-L-14-quickgelu": 162.0}
"""Of one image, a multiplication and an addition counted as two."""

B16, L14 = GFLOP


def ceilings(row: Row) -> None:
    """Tell what card this is and what it can do at best."""
    facts: dict[str, object] = {"machine": machine(), "torch": torch.__version__}
    if row.device.type == "cuda":
        query = ["nvidia-smi", "--query-gpu=name,driver_version,power.limit", "--format=csv"]
        said = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        facts |= {"card": torch.cuda.get_device_name(), "driver": said, "cuda": torch.version.cuda}
    print(json.dumps({"facts": facts}), flush=True)
    side = 256 if row.quick else 8192
    a, b = (torch.randn(side, side, device=row.device, dtype=torch.bfloat16) for _ in range(2))
    took = row.seconds(lambda: a @ b)
    row.tell(Figure(f"ceiling: bf16 products of {side}³", 2 * side**3 / took / 1e12, "TFLOP/s"))
    size = (1 << 20) if row.quick else (1 << 30)
    here = torch.zeros(size, dtype=torch.uint8, pin_memory=row.device.type == "cuda")
    there, other = (torch.zeros(size, dtype=torch.uint8, device=row.device) for _ in range(2))
    copied = 2 * size / row.seconds(lambda: other.copy_(there)) / 1e9
    row.tell(Figure("ceiling: copies on the card, read and written", copied, "GB/s"))
    sent = size / row.seconds(lambda: there.copy_(here, non_blocking=True)) / 1e9
    row.tell(Figure("ceiling: from pinned memory to the card", sent, "GB/s"))


def make_encoder(row: Row, model: str, precision: Precision) -> ClipEncoder:
    """Return a tower with random weights, the same every time."""
    torch.manual_seed(0)
    clip = open_clip.create_model("ViT-B-32" if row.quick else model)
    return ClipEncoder(cast(nn.Module, clip), device=row.device, precision=precision)


def recipe_of(model: str, precision: Precision, crops: str = "centre") -> Recipe:
    """Return a recipe that encodes every frame."""
    base = RECIPES["vadclip" if crops == "ten" else "squash"]
    return replace(base, model=model, precision=precision)


def bf16_ceiling(row: Row) -> float:
    """Return the operations a second of a large product, of which the encoder has a share."""
    side = 256 if row.quick else 8192
    a, b = (torch.randn(side, side, device=row.device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / row.seconds(lambda: a @ b)


def encoder(row: Row) -> None:
    """Tell images a second of the plain program, by precision and batch."""
    ceiling = bf16_ceiling(row)
    exact = make_encoder(row, B16, "fp32")
    images = torch.randint(0, 256, (8, 3, 224, 224), dtype=torch.uint8, device=row.device)
    expected = exact.encode(images)
    del exact
    cases: list[tuple[str, Precision]] = [(B16, "bf16"), (B16, "fp16"), (L14, "bf16")]
    for model, precision in cases:
        tower = make_encoder(row, model, precision)
        best = 0.0
        for batch in (4,) if row.quick else (64, 128, 256, 512, 1024):
            frames = torch.zeros(batch, 224, 224, 3, dtype=torch.uint8, device=row.device)
            program = frame_program(tower, recipe_of(model, precision))
            rate = batch / row.seconds(partial(program, frames))
            best = max(best, rate)
            row.tell(Figure(f"encoder: {model} {precision} eager, {batch}", rate, "images/s"))
        share = best * GFLOP[model] * 1e9 / ceiling
        row.tell(Figure(f"encoder: {model} {precision} eager, of the ceiling", share, ""))
        if model == B16:
            near = functional.cosine_similarity(tower.encode(images), expected).min()
            name = f"encoder: {model} {precision}, cosine to float32"
            row.tell(Figure(name, float(near), "", at_least=0.999))


def compiled_towers(row: Row) -> None:
    """Tell images a second of the program compiled, with and without a CUDA graph."""
    ceiling = bf16_ceiling(row)
    tower = make_encoder(row, B16, "bf16")
    plain = partial(encode_frames, encode=tower.compute, recipe=recipe_of(B16, "bf16"))
    for batch in (2,) if row.quick else (256, 512):
        frames = torch.zeros(batch, 224, 224, 3, dtype=torch.uint8, device=row.device)
        ways: dict[str, Callable[[Tensor], Tensor]] = {
            "compiled, CUDA graph": compiled(plain, row.device),
            "compiled": torch.compile(plain, fullgraph=True, dynamic=False),
        }
        for name, way in ways.items():
            with torch.inference_mode():
                rate = batch / row.seconds(partial(way, frames))
            share = rate * GFLOP[B16] * 1e9 / ceiling
            row.tell(Figure(f"encoder: {B16} bf16 {name}, {batch}", rate, "images/s"))
            row.tell(Figure(f"encoder: {name}, {batch}, of the ceiling", share, "", at_least=0.6))
