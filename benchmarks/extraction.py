"""How near does a whole extraction come to its encoder, and how far ahead is it of a plain script?

    python benchmarks/extraction.py [--videos 4] [--seconds 8]

Generated videos at 320×240, through Ray, decoders, encoder and shards, with ViT-B/16 of random
weights (one frame of 16) and with the tiny encoder (every frame). The limit is the same encoder fed
with images that are ready. The plain script is what people write: decord, one frame at a time
through PIL and open_clip's own preprocessing, a batch a video, one process. Start-up (Ray, the
imports of its workers, weights) is left out of the rates and stated. One round of each: a round
takes minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import open_clip
import torch
from measuring import Figure, finish, once
from PIL import Image

from extract.decoders import decord  # type: ignore[attr-defined]  # it must be loaded from there
from extract.encoder import Encoder, load_encoder
from extract.recipe import RECIPES
from extract.tiny import tiny_clip
from pipeline.extract import ExtractReport, extract
from pipeline.settings import ExtractRun, ReadOptions
from stores.datasets.synthetic import generate
from stores.drawn.plan import Settings
from stores.tree import find_videos

BATCH = 32


@dataclass(frozen=True, slots=True)
class Case:
    """One encoder: its open_clip name, weights, frames of a segment, images for its limit."""

    model: str
    weights: str
    frames: Literal["mean16", "middle"]
    images: int


def make_videos(folder: Path, count: int, seconds: float) -> list[Path]:
    """Draw so many videos of about so many seconds."""
    each = max(count // 4, 1)
    settings = Settings(
        train_normal=each,
        train_anomalous=4,
        test_normal=each,
        test_anomalous=4,
        seconds=(seconds * 0.8, seconds * 1.2),
    )
    generate(folder, 5, settings)
    return find_videos(folder)


def plain_script(videos: Sequence[Path], case: Case) -> int:
    """Encode as a plain script does and return the number of images."""
    images = 0
    if case.model == "tiny":
        model, size = tiny_clip(), 224
        preprocess = open_clip.image_transform(size, is_train=False)
    else:
        model, _, preprocess = open_clip.create_model_and_transforms(case.model)
    model.eval()
    for video in videos:
        reader = decord.VideoReader(str(video))
        step = 16 if case.frames == "middle" else 1
        first = min(8, len(reader) - 1) if step > 1 else 0
        tensors = [
            preprocess(Image.fromarray(reader[index].asnumpy()))
            for index in range(first, len(reader), step)
        ]
        with torch.no_grad():
            for start in range(0, len(tensors), BATCH):
                model.encode_image(torch.stack(tensors[start : start + BATCH]))
        images += len(tensors)
    return images


def best_rate(encoder: Encoder, images: int) -> tuple[float, int]:
    """Return the most images a second from ready tensors, and the batch that reached it."""
    rates = {}
    for batch in (8, 32):
        ready = torch.randint(0, 256, (batch, 3, 224, 224), dtype=torch.uint8)
        count = max(1, images // batch)
        encoder.encode(ready)
        begun = time.perf_counter()
        for _ in range(count):
            encoder.encode(ready)
        rates[batch] = count * batch / (time.perf_counter() - begun)
    best = max(rates, key=lambda batch: rates[batch])
    return rates[best], best


def extract_all(root: Path, case: Case, out: Path) -> ExtractReport:
    """Return what an extraction of the videos below a folder came to."""
    report = extract(
        ExtractRun(
            dataset="folder",
            root=root,
            out=out,
            recipe="centre",
            clip=case.model,
            weights=case.weights,
            frames=case.frames,
            precision="fp32",
            reading=ReadOptions(batch=BATCH),
        )
    )
    assert not report.failures, report.failures[0].reason
    return report


def run_case(folder: Path, case: Case) -> list[Figure]:
    """Return the figures of one encoder for the videos in ``folder/all``, one of them in ``one``.

    The rate is that of the further videos: what both runs have in common is the start of workers.
    """
    begun = time.monotonic()
    one = extract_all(folder / "one", case, folder / f"{case.model}-one")
    start_up = time.monotonic() - begun
    whole = extract_all(folder / "all", case, folder / f"{case.model}-all")
    frames, seconds = whole.frames - one.frames, whole.seconds - one.seconds
    videos = find_videos(folder / "all")
    script = once(lambda: plain_script(videos, case)).wall * frames / whole.frames
    recipe = replace(RECIPES["centre"], model=case.model, precision="fp32")
    encoder = load_encoder(recipe, case.weights, "cpu")
    limit, batch = best_rate(encoder, case.images)
    step = 16 if case.frames == "middle" else 1
    aims = (2.0, 0.95) if case.model != "tiny" else (5.0, None)
    name = f"extraction: {case.model}"
    return [
        Figure(f"{name}, source frames", frames / seconds, "frames/s"),
        Figure(f"{name}, limit at batch {batch}", limit, "images/s"),
        Figure(f"{name}, of that limit", frames / step / seconds / limit, "", at_least=aims[1]),
        Figure(f"{name}, against a plain script", script / seconds, "times", at_least=aims[0]),
        Figure(f"{name}, a run of one video", start_up, "s"),
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = make_videos(folder / "videos", options.videos, options.seconds)
        for name, chosen in (("all", videos), ("one", videos[:1])):
            (folder / name).mkdir()
            for path in chosen:
                (folder / name / path.name).hardlink_to(path)
        weights = folder / "vit.pt"
        torch.manual_seed(0)
        torch.save(open_clip.create_model("ViT-B-16").state_dict(), weights)
        figures = run_case(folder, Case("tiny", "", "mean16", images=512))
        figures += run_case(folder, Case("ViT-B-16", str(weights), "middle", images=32))
    finish("extraction", vars(options) | {"batch": BATCH}, figures)


if __name__ == "__main__":
    main()
