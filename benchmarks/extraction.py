"""How near does a whole extraction come to its encoder, and how far ahead is it of a plain script?

    python benchmarks/extraction.py [--seconds 8]

Generated videos at 320×240, through Ray, decoders, encoder and shards, with ViT-B/16 of random
weights (one frame of 16) and with the tiny encoder (every frame). The limit is the same encoder fed
with images that are ready. The plain script is what people write: decord, one frame at a time
through PIL and open_clip's own preprocessing, a batch a video, one process. Two runs, of a few
videos and of many, differ in what the further videos take: start-up (Ray, the imports of its
workers, weights) is in both, and is stated. One round of each: a round takes minutes. The decoding
and preprocessing of both, without an encoder, are compared in one process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import open_clip
import torch
from measuring import Figure, finish, once, take_turns
from open_clip.model import CLIP
from PIL import Image

from extract.crops import crop, normalise
from extract.decoders import decord  # type: ignore[attr-defined]  # not meant to be passed on
from extract.encoder import CPU_BATCH, Encoder, load_encoder
from extract.recipe import RECIPES, TINY_MODEL, Recipe
from extract.tiny import tiny_clip
from extract.video import read_chunks
from pipeline.extract import ExtractReport, extract
from pipeline.settings import ExtractRun, ReadOptions
from stores.datasets.synthetic import generate
from stores.drawn.plan import Settings
from stores.tree import find_videos

Preprocess = Callable[[Image.Image], torch.Tensor]
BATCH = 32


@dataclass(frozen=True, slots=True)
class Case:
    """One encoder: its open_clip name, weights, frames of a segment; and how much is measured."""

    model: str
    weights: str
    frames: Literal["mean16", "middle"]
    images: int
    few: int
    many: int


def make_videos(folder: Path, seconds: float) -> list[Path]:
    """Draw ten videos of about so many seconds."""
    settings = Settings(
        train_normal=1,
        train_anomalous=4,
        test_normal=1,
        test_anomalous=4,
        seconds=(seconds * 0.8, seconds * 1.2),
    )
    generate(folder, 5, settings)
    return find_videos(folder)


def chosen_frames(path: Path, frames: str) -> tuple[decord.VideoReader, range]:
    """Return a video opened by decord, and the frames that a recipe takes of it."""
    reader = decord.VideoReader(str(path))
    step = 16 if frames == "middle" else 1
    return reader, range(min(8, len(reader) - 1) if step > 1 else 0, len(reader), step)


def plain_script(
    videos: Sequence[Path], frames: str, model: CLIP | None, preprocess: Preprocess
) -> int:
    """Read, and encode if there is a model, as a plain script does; return the number of images."""
    images = 0
    for video in videos:
        reader, chosen = chosen_frames(video, frames)
        tensors = [preprocess(Image.fromarray(reader[index].asnumpy())) for index in chosen]
        images += len(tensors)
        if model is None:
            continue
        with torch.no_grad():
            for start in range(0, len(tensors), BATCH):
                model.encode_image(torch.stack(tensors[start : start + BATCH]))
    return images


def our_reading(videos: Sequence[Path], recipe: Recipe) -> None:
    """Read, cut and normalise as extraction does, in this process."""
    for video in videos:
        for chunk in read_chunks(str(video), recipe):
            images = crop(torch.from_numpy(chunk.frames), recipe).flatten(0, 1)
            for few in torch.split(images, CPU_BATCH):
                normalise(few, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), dtype=torch.float32)


def compare_reading(videos: Sequence[Path]) -> list[Figure]:
    """Return how many frames a second each way reads and prepares, every frame of the videos."""
    preprocess = open_clip.image_transform(224, is_train=False)
    recipe = replace(RECIPES["centre"], frames="mean16")
    frames = sum(len(chosen_frames(video, "mean16")[1]) for video in videos)
    timings = take_turns(
        {
            "plain": lambda: plain_script(videos, "mean16", None, preprocess),
            "ours": lambda: our_reading(videos, recipe),
        },
        rounds=3,
    )
    plain, ours = timings.values()
    name = "extraction: reading and preprocessing in one process"
    return [
        Figure(name, frames / ours.wall, "frames/s"),
        Figure(f"{name}, against plain", plain.wall / ours.wall, "times"),
    ]


def best_rate(encoder: Encoder, images: int) -> tuple[float, int]:
    """Return the most images a second from ready tensors, and the batch that reached it."""
    rates = {}
    for batch in (CPU_BATCH, 8, 32):
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


def run_case(folder: Path, videos: Sequence[Path], case: Case) -> list[Figure]:
    """Return the figures of one encoder, its rate from the videos by which two runs differ."""
    reports = []
    for count in (case.few, case.many):
        root = folder / f"{case.model}-{count}"
        root.mkdir()
        for index in range(count):
            source = videos[index % len(videos)]
            (root / f"{index:03d}{source.suffix}").hardlink_to(source)
        reports.append(extract_all(root, case, folder / f"{case.model}-out-{count}"))
    few, many = reports
    rate = (many.frames - few.frames) / (many.seconds - few.seconds)
    recipe = replace(RECIPES["centre"], model=case.model, precision="fp32")
    limit, batch = best_rate(load_encoder(recipe, case.weights, "cpu"), case.images)
    if case.model == TINY_MODEL:
        model, preprocess = tiny_clip(), open_clip.image_transform(224, is_train=False)
    else:
        model, _, preprocess = open_clip.create_model_and_transforms(case.model)
    some = videos[: case.few]
    script = once(lambda: plain_script(some, case.frames, model.eval(), preprocess))
    frames = sum(len(chosen_frames(video, "mean16")[1]) for video in some)
    images = rate / (16 if case.frames == "middle" else 1)
    aims = (5.0, None) if case.model == TINY_MODEL else (2.0, 0.95)
    name = f"extraction: {case.model}"
    return [
        Figure(f"{name}, source frames", rate, "frames/s"),
        Figure(f"{name}, images", images, "images/s"),
        Figure(f"{name}, limit at batch {batch}", limit, "images/s"),
        Figure(f"{name}, of that limit", images / limit, "", at_least=aims[1]),
        Figure(f"{name}, a plain script, source frames", frames / script.wall, "frames/s"),
        Figure(
            f"{name}, against the plain script",
            rate * script.wall / frames,
            "times",
            at_least=aims[0],
        ),
        Figure(f"{name}, start-up", few.seconds - few.frames / rate, "s"),
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = make_videos(folder / "videos", options.seconds)
        weights = folder / "vit.pt"
        torch.manual_seed(0)
        torch.save(open_clip.create_model("ViT-B-16").state_dict(), weights)
        figures = compare_reading(videos[:3])
        for case in (
            Case(TINY_MODEL, "", "mean16", images=512, few=8, many=24),
            Case("ViT-B-16", str(weights), "middle", images=32, few=3, many=10),
        ):
            figures += run_case(folder, videos, case)
    finish("extraction", vars(options) | {"batch": BATCH}, figures)


if __name__ == "__main__":
    main()
