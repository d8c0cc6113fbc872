"""How near does a whole extraction come to its encoder, and how far ahead is it of a plain script?

    python benchmarks/extraction.py [--seconds 8] [--rounds 5]

Generated videos at 320×240, through Ray, decoders, encoder and shards, with ViT-B/16 of random
weights (one frame of 16; bfloat16 where the processor has it) and with the tiny encoder (every
frame). The limit is the same encoder fed with images that are ready, at the better of two batches.
The plain script is what people write: decord, one frame at a time through PIL and open_clip's own
preprocessing, float32, batches of 32, one process. All three take turns, while the workers of the
extraction stay and wait; a turn of theirs is one job of some videos, from its start to its
committed shard, and its processor seconds are the driver's alone. The first turn starts them: what
it took longer is the start-up (imports, weights). The decoding and preprocessing of both, without
an encoder, are compared in one process.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import open_clip
import torch
from measuring import Figure, finish, once, show_timings, take_turns
from open_clip.model import CLIP
from PIL import Image
from working import start_workers

from extract.clip_weights import default_precision
from extract.crops import crop, normalise
from extract.decoders.decord_reader import decord  # type: ignore[attr-defined]  # not exported
from extract.encoder import CPU_BATCH, load_encoder
from extract.recipe import RECIPES, TINY_MODEL, Precision, Recipe
from extract.tiny_clip import tiny_clip
from extract.video import read_chunks
from pipeline.engine.cluster import running_cluster
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions
from stores.datasets.synthetic.dataset import generate
from stores.datasets.synthetic.plan import Settings
from stores.files.scan import find_videos

Preprocess = Callable[[Image.Image], torch.Tensor]
BATCH = 32


@dataclass(frozen=True, slots=True)
class Case:
    """One encoder: its open_clip name, weights, precision, frames; and how much is measured.

    A turn is ``videos`` videos, a quarter of them for the plain script, and ``repeats`` times 32
    images for the limit.
    """

    model: str
    weights: str
    precision: Precision
    frames: Literal["mean16", "middle"]
    videos: int
    repeats: int


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
    videos: Sequence[Path],
    frames: str,
    model: CLIP | None,
    preprocess: Preprocess,
    device: str = "cpu",
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
                model.encode_image(torch.stack(tensors[start : start + BATCH]).to(device))
    return images


def our_reading(videos: Sequence[Path], recipe: Recipe) -> None:
    """Read, cut and normalise as extraction does, in this process."""
    for video in videos:
        for chunk in read_chunks(str(video), recipe):
            images = crop(torch.from_numpy(chunk.frames), recipe).flatten(0, 1)
            for few in torch.split(images, CPU_BATCH):
                normalise(few, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), dtype=torch.float32)


def compare_reading(videos: Sequence[Path], rounds: int) -> list[Figure]:
    """Return how many frames a second each way reads and prepares, every frame of the videos."""
    preprocess = open_clip.image_transform(224, is_train=False)
    recipe = replace(RECIPES["centre"], frames="mean16")
    frames = sum(len(chosen_frames(video, "mean16")[1]) for video in videos)
    timings = take_turns(
        {
            "plain": lambda: plain_script(videos, "mean16", None, preprocess),
            "ours": lambda: our_reading(videos, recipe),
        },
        rounds=rounds,
    )
    plain, ours = timings.values()
    name = "extraction: reading and preprocessing in one process"
    return [
        Figure(name, frames / ours.wall, "frames/s"),
        Figure(f"{name}, against plain", plain.wall / ours.wall, "times"),
    ]


def run_case(folder: Path, videos: Sequence[Path], case: Case, rounds: int) -> list[Figure]:
    """Return the figures of one encoder: extraction, plain script and limit taking turns."""
    recipe = replace(
        RECIPES["centre"], model=case.model, frames=case.frames, precision=case.precision
    )
    stage = stage_settings(recipe, case.weights, ReadOptions(batch=BATCH))
    encoder = load_encoder(recipe, case.weights, "cpu")
    if case.model == TINY_MODEL:
        model, preprocess = tiny_clip(), open_clip.image_transform(224, is_train=False)
    else:
        model, _, preprocess = open_clip.create_model_and_transforms(case.model)
    model.eval()
    sizes = (CPU_BATCH, 8)
    ready = torch.randint(0, 256, (BATCH, 3, 224, 224), dtype=torch.uint8)
    counts = [len(chosen_frames(video, case.frames)[1]) for video in videos]
    some = len(videos) // 4

    def encode(size: int) -> None:
        for _ in range(case.repeats):
            for few in torch.split(ready, size):
                encoder.encode(few)

    with running_cluster() as plan:
        extract = start_workers(folder / case.model, stage, plan)
        first = once(lambda: extract(videos, len(videos)))
        timings = take_turns(
            {
                "ours": lambda: extract(videos, len(videos)),
                "plain": lambda: plain_script(videos[:some], case.frames, model, preprocess),
                **{f"limit {size}": partial(encode, size) for size in sizes},
            },
            rounds,
        )
    show_timings(timings)
    ours = timings["ours"].wall
    batch = min(sizes, key=lambda size: timings[f"limit {size}"].wall)
    rate, plain = sum(counts) / ours, sum(counts[:some]) / timings["plain"].wall
    limit = case.repeats * BATCH / timings[f"limit {batch}"].wall
    frames = rate * (16 if case.frames == "middle" else 1)
    aims = (5.0, None) if case.model == TINY_MODEL else (2.0, 0.95)
    name = f"extraction: {case.model} in {case.precision}"
    return [
        Figure(f"{name}, source frames", frames, "frames/s"),
        Figure(f"{name}, images", rate, "images/s"),
        Figure(f"{name}, limit at batch {batch}", limit, "images/s"),
        Figure(f"{name}, of that limit", rate / limit, "", at_least=aims[1]),
        Figure(f"{name}, a plain script", plain, "images/s"),
        Figure(f"{name}, against the plain script", rate / plain, "times", at_least=aims[0]),
        Figure(f"{name}, start-up", first.wall - ours, "s"),
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = make_videos(folder / "videos", options.seconds)
        weights = folder / "vit.pt"
        torch.manual_seed(0)
        torch.save(open_clip.create_model("ViT-B-16").state_dict(), weights)
        best = default_precision("cpu")
        figures = compare_reading(videos[:2], options.rounds)
        for case in (
            Case(TINY_MODEL, "", "fp32", "mean16", videos=8, repeats=16),
            Case("ViT-B-16", str(weights), best, "middle", videos=4, repeats=1),
        ):
            figures += run_case(folder, videos[: case.videos], case, options.rounds)
    finish("extraction", vars(options) | {"batch": BATCH}, figures)


if __name__ == "__main__":
    main()
