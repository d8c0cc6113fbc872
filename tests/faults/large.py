"""A training of the published size, whose calls into torch take seconds: random all of it."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import torch

from extract.clip_weights import complete_recipe
from extract.recipe import RECIPES, RecipeOptions
from stores.datasets import base
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import DecodeAudit, Event, VideoFeatures, VideoItem

MODEL = "ViT-B-16-quickgelu"
SEGMENTS = 256  # a whole window of the published model
WEIGHTS = "clip.pt"
VIDEOS = {"train": 32, "test": 2}


def prepare(out: Path) -> list[str]:
    """Write features and weights below ``out``; return the command that trains on them.

    In a process of its own: torch's threads here would be missing in every process that is forked.
    """
    writing = multiprocessing.get_context("fork").Process(target=_write, args=(out,))
    writing.start()
    writing.join()
    command = ["train", "--dataset", "synthetic", "--preset", "ucf", "--out", str(out)]
    return [*command, "--weights", str(out / WEIGHTS), "--epochs", "4", "--batch", "8"]


def _write(out: Path) -> None:
    weights = out / WEIGHTS
    out.mkdir(parents=True)
    torch.save(open_clip.create_model(MODEL, precision="fp16").state_dict(), weights)
    dataset = base.load("synthetic")
    options = RecipeOptions("squash", weights=str(weights))
    recipe, _ = complete_recipe(RECIPES["squash"], options)
    random = np.random.default_rng(0)
    folder = out / "synthetic" / "features"
    videos = [
        _video(split, number, dataset.classes, random)
        for split, count in VIDEOS.items()
        for number in range(count)
    ]
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), videos)


def _video(
    split: str, number: int, classes: tuple[str, ...], random: np.random.Generator
) -> VideoFeatures:
    label = classes[number % 2]
    truth = (Event(0, 16, label),) if number % 2 else ()
    item = VideoItem(f"{split}{number}", "", split=split, labels=(label,))
    frames = 16 * SEGMENTS
    return VideoFeatures(
        item=replace(item, events=truth if split == "test" else None),
        segments=random.standard_normal((1, SEGMENTS, 512)).astype(np.float16),
        times=np.arange(frames) / 25,
        audit=DecodeAudit("pyav", frames, frames, 0.0),
    )
