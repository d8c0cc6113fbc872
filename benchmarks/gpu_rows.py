"""The rows of `gpu.py`, each run in a process of its own; figures are printed as they come.

python benchmarks/gpu_rows.py ROW [--device cuda] [--quick] [--golden FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import cast

import av
import numpy as np
import open_clip
import torch
from extraction import plain_script
from measuring import ROOT, Figure, machine
from scoring import make_videos
from torch import Tensor, nn
from torch.nn import functional
from training import build_model, make_batch
from working import start_workers

from extract.batch_size import choose_batch
from extract.encoder import ClipEncoder, load_encoder
from extract.features import encode_frames, frame_program
from extract.recipe import RECIPES, Precision, Recipe
from model.heads.base import Head
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.model import Dsanet
from model.heads.segment_scorer import Temperatures
from model.scoring.scorer import score_videos
from model.training.config import Arithmetic
from model.training.data import Batch, TrainingSet
from model.training.fit import FitOptions, fit
from model.training.selection import Selection
from model.training.step import (
    StepPrograms,
    float32_products,
    gather_gradients,
    step_programs,
)
from pipeline.engine.cluster import running_cluster
from pipeline.engine.compile import compiled, compiled_step
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions

GFLOP = {"ViT-B-16-quickgelu": 35.2, "ViT-L-14-quickgelu": 162.0}
"""Of one image, a multiplication and an addition counted as two."""

B16, L14 = GFLOP


class Row:
    """What a row is measured on, and how large."""

    def __init__(self, device: str, quick: bool, golden: Path | None) -> None:
        self.device = torch.device(device)
        self.quick = quick
        self.golden = golden

    def tell(self, figure: Figure) -> None:
        """Print a figure for whoever runs the row."""
        print(json.dumps({"figure": asdict(figure)}), flush=True)

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], object], rounds: int = 3, least: float = 0.3) -> float:
        """Return the median of some rounds, each of as many calls as take a moment."""
        call()
        self.wait()
        found = []
        for _ in range(1 if self.quick else rounds):
            calls, begun = 0, time.perf_counter()
            while not calls or (time.perf_counter() - begun < least and not self.quick):
                call()
                calls += 1
                if calls % 4 == 0:
                    self.wait()
            self.wait()
            found.append((time.perf_counter() - begun) / calls)
        return statistics.median(found)

    @contextmanager
    def memory(self, name: str) -> Iterator[None]:
        """Tell the most memory that the block took of the GPU."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        yield
        if self.device.type == "cuda":
            gib = torch.cuda.max_memory_allocated() / 2**30
            self.tell(Figure(f"{name}: peak memory of the GPU", gib, "GiB"))


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


def draw_videos(
    folder: Path, seconds: int, count: int, width: int = 320, height: int = 240
) -> list[Path]:
    """Draw one H.264 video of a ground that moves, 30 frames a second, and link it so often."""
    first = folder / f"{seconds}s-{height}-0.mp4"
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (height // 8 + 10, width // 8 + 20, 3), np.uint8)
    ground = blocks.repeat(8, 0).repeat(8, 1)
    with av.open(str(first), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(30 * seconds):
            x, y = number * 3 % 160, number * 2 % 80
            picture = np.ascontiguousarray(ground[y : y + height, x : x + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    others = [folder / f"{seconds}s-{height}-{number}.mp4" for number in range(1, count)]
    for other in others:
        os.link(first, other)
    return [first, *others]


def extraction(row: Row) -> None:
    """Tell images a second of whole extractions, and their share of the encoder alone."""
    many = 1 if row.quick else 40
    precision: Precision = "bf16" if row.device.type == "cuda" else "fp32"
    model = "ViT-B-32-quickgelu" if row.quick else B16
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = folder / "weights.pt"
        torch.manual_seed(0)
        clip = open_clip.create_model(model)
        torch.save(clip.state_dict(), weights)
        minutes = draw_videos(folder, 2 if row.quick else 60, many)
        clips = draw_videos(folder, 1 if row.quick else 2, 2 if row.quick else 1000)
        cases = {
            "ten crops, every frame": (recipe_of(model, precision, "ten"), minutes, 4, 0.9),
            "centre, every frame": (recipe_of(model, precision), minutes, 4, 0.9),
            "centre, clips of two seconds": (recipe_of(model, precision), clips, 64, 0.8),
            "centre, one frame of 16": (
                replace(recipe_of(model, precision), frames="middle"),
                minutes,
                8,
                None,
            ),
        }
        for name, (recipe, videos, per_shard, aim) in cases.items():
            with running_cluster() as plan:
                stage = stage_settings(recipe, str(weights), ReadOptions())
                extract = start_workers(folder / name.replace(" ", "-"), stage, plan)
                extract(videos[:2], 1)
                tally = extract(videos, min(per_shard, max(1, len(videos) // 4)))
            per_frame = recipe.crop_count * (1 / 16 if recipe.frames == "middle" else 1)
            rate = tally.frames * per_frame / tally.seconds
            tower = load_encoder(recipe, str(weights), row.device)
            sizes = (4,) if row.quick else (128, 256, 512)
            alone = choose_batch(frame_program(tower, recipe), row.device, recipe, sizes=sizes)
            row.tell(Figure(f"extraction: {name}", rate, "images/s"))
            row.tell(
                Figure(f"extraction: {name}, of the encoder alone", rate / alone.rate, "", aim)
            )
            for load in tally.loads.values():
                busy, decoding = load.encoding / load.wall, load.decoding / load.wall
                row.tell(Figure(f"extraction: {name}, GPU busy", busy, ""))
                row.tell(Figure(f"extraction: {name}, decoders busy", decoding / load.decoders, ""))
                row.tell(Figure(f"extraction: {name}, decoders", load.decoders, ""))
            del tower
        clip.eval().to(row.device)
        preprocess = open_clip.image_transform(224, is_train=False)
        begun = time.perf_counter()
        with torch.autocast(row.device.type, torch.bfloat16):
            images = plain_script(minutes[:1], "mean16", clip, preprocess, str(row.device))
        row.wait()
        rate = images / (time.perf_counter() - begun)
        row.tell(Figure("extraction: a plain script, every frame", rate, "images/s"))


def training(row: Row) -> None:
    """Tell what a step takes by arithmetic, and a training of UCF-Crime's size as a whole."""
    settings, _ = PRESETS["small" if row.quick else "ucf"]
    made = make_batch(4 if row.quick else 128, settings)
    columns = (made.features, made.lengths, made.labels)
    batch = Batch(*(column.to(row.device) for column in columns))
    arithmetics: tuple[Arithmetic, ...] = ("fp32", "tf32", "bf16")
    for arithmetic in arithmetics:
        for way in ("plain", "compiled"):
            if way == "compiled" and (row.quick or arithmetic == "fp32"):
                continue
            model = build_model(settings).to(row.device)
            programs = step_programs(model, arithmetic)
            if way == "compiled":
                programs = compiled_step(programs, row.device)

            with row.memory(f"training: step in {arithmetic}, {way}"):
                took = row.seconds(partial(one_step, model, programs, batch, arithmetic))
            row.tell(Figure(f"training: step in {arithmetic}, {way}", 1000 * took, "ms"))
    whole_training(row)


def one_step(model: Dsanet, programs: StepPrograms, batch: Batch, arithmetic: Arithmetic) -> None:
    """Make the gradients of a step."""
    model.zero_grad()
    with float32_products(arithmetic):
        gather_gradients(programs, batch, model.loss_weights, len(batch.lengths))


def whole_training(row: Row) -> None:
    """Tell what ten epochs of 16,100 samples take, evaluations of 290 videos included."""
    settings, config = PRESETS["small" if row.quick else "ucf"]
    count = 64 if row.quick else 16_100
    some = make_batch(64, settings)
    pick = torch.arange(count) % 64
    samples = TrainingSet(some.features.half()[pick], some.lengths[pick], some.labels[pick])
    videos = make_videos(settings.width)[: 4 if row.quick else None]
    config = replace(config, arithmetic="bf16", epochs=1 if row.quick else 10)
    model = build_model(settings).to(row.device)

    def evaluate(head: Head) -> Selection:
        scores = list(score_videos(head.scorer(Temperatures(1.0)), videos))
        return Selection(float(np.mean([each.mean() for each, _ in scores])))

    begun = time.perf_counter()
    with row.memory("training: whole of UCF-Crime's size"):
        fit(model, samples.to(row.device), config, evaluate, FitOptions(), lambda *_: None)
        row.wait()
    took = time.perf_counter() - begun
    row.tell(Figure("training: whole of UCF-Crime's size in bf16", took, "s", at_most=60.0))


def scoring(row: Row) -> None:
    """Tell what scoring a test split of UCF-Crime's size takes."""
    settings, _ = PRESETS["small" if row.quick else "ucf"]
    scorer = build_model(settings).to(row.device).eval().scorer(Temperatures(1.0))
    videos = make_videos(settings.width)[: 4 if row.quick else None]
    with row.memory("scoring: 290 videos"):
        took = row.seconds(lambda: list(score_videos(scorer, videos)))
    row.tell(Figure("scoring: 290 videos", took, "s", at_most=2.0))


def golden(row: Row) -> None:
    """Tell how many of the published implementation's arrays the model agrees with."""
    if row.golden is None:
        sys.exit("give the folder of golden vectors with --golden")
    command = [sys.executable, "tests/golden/compare.py", str(row.golden)]
    command += ["--device", row.device.type]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    print(done.stdout, file=sys.stderr)
    found = re.search(r"(\d+) comparisons, (\d+) disagree", done.stdout)
    if found is None:
        sys.exit(done.stderr)
    row.tell(Figure("golden: comparisons in float32", float(found[1]), ""))
    row.tell(Figure("golden: disagreements in float32", float(found[2]), "", at_most=0))


def demo(row: Row) -> None:
    """Tell what the demo takes, from generated videos to the report."""
    with tempfile.TemporaryDirectory() as temporary:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "pipeline", "demo", "--out", temporary]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        print(done.stdout[-3000:], done.stderr[-3000:], file=sys.stderr)
        if done.returncode:
            sys.exit(done.returncode)
        row.tell(Figure("demo: from nothing to the report", time.perf_counter() - begun, "s"))


ROWS: dict[str, Callable[[Row], None]] = {
    "ceilings": ceilings,
    "encoder": encoder,
    "extraction": extraction,
    "training": training,
    "scoring": scoring,
    "golden": golden,
    "demo": demo,
    "compiled": compiled_towers,
}


def main() -> None:
    """Run one row."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--golden", type=Path)
    options = parser.parse_args()
    ROWS[options.row](Row(options.device, options.quick, options.golden))


if __name__ == "__main__":
    main()
