"""The rows of `gpu.py`, each run in a process of its own; figures are printed as they come.

python benchmarks/gpu_rows.py ROW [--device cuda] [--quick] [--golden FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import open_clip
import torch
from clips import draw_videos
from extraction import plain_script
from gpu_encoder import B16, ceilings, compiled_towers, encoder, recipe_of
from gpu_model import golden, scoring, training
from gpu_row import Row
from measuring import ROOT, Figure
from working import start_workers

from extract.batch_size import choose_batch
from extract.encoder import load_encoder
from extract.features import frame_program
from extract.recipe import Precision
from pipeline.engine.cluster import running_cluster
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions


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
