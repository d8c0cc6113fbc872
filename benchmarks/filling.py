"""How well does the encoding loop fill a device, beside each video encoding its own frames?

    python benchmarks/filling.py [--clips 1000] [--batch 64] [--image 0.004] [--rounds 3]

The device is a stand-in that takes a fixed time a batch and a time an image, and no processor: what
it could do at best is known, and the figures are shares of that. Decoders, Ray and files are real.
``by video`` is what was done before: the frames of one video at a time, under a lock. Decoding has
to be the quicker side on the machine that runs this; what its decoders alone reach is told as well.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import ray
import torch
from clips import draw_videos
from jaxtyping import Float, UInt8
from measuring import Figure, Timing, finish, show_timings, take_turns
from torch import Tensor

from extract.recipe import RECIPES, Recipe
from pipeline.engine.cluster import WorkerPlan, plan_workers, running_cluster
from pipeline.engine.events import FramesRead
from pipeline.engine.readers import Readers
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions
from stores.records import VideoFeatures, VideoItem

BATCH_SECONDS = 0.02


class StandIn:
    """An encoder that sleeps as long as a device would work."""

    width = 8
    device = torch.device("cpu")

    def __init__(self, image_seconds: float) -> None:
        self._image_seconds = image_seconds
        self._lock = threading.Lock()

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Take the time of a batch, one batch after the other."""
        with self._lock:
            time.sleep(BATCH_SECONDS + self._image_seconds * len(images))
        return torch.zeros(len(images), self.width)


def make_readers(
    plan: WorkerPlan, recipe: Recipe, batch: int, image_seconds: float, *, together: bool
) -> Readers:
    """Return readers that fill the stand-in together, or each with its own video's frames."""
    stage = stage_settings(recipe, "", ReadOptions(batch=batch))
    with (
        patch("pipeline.engine.readers.load_encoder", lambda *_: StandIn(image_seconds)),
        patch("pipeline.engine.readers.batch_on", lambda _, wanted: wanted),
    ):
        return Readers(stage, replace(plan, gpus=float(together)))


def read(readers: Readers, videos: Sequence[Path]) -> int:
    """Read videos in two jobs at a time, as a shard worker does; return the rows."""
    jobs = [videos[start : start + 64] for start in range(0, len(videos), 64)]
    rows = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal rows
        while True:
            with lock:
                if not jobs:
                    return
                job = jobs.pop(0)
            items = [VideoItem(path.name, str(path)) for path in job]
            for output in readers.read(items):
                if not isinstance(output, FramesRead):
                    assert isinstance(output, VideoFeatures), output.reason
                    with lock:
                        rows += output.segments.shape[1]

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rows


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--image", type=float, default=0.004, help="seconds of an image")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    limit = options.batch / (BATCH_SECONDS + options.batch * options.image)
    every = replace(RECIPES["squash"], frames="mean16", model="tiny")
    middle = replace(every, frames="middle")
    figures = []
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as temporary, running_cluster():
        folder = Path(temporary)
        plan = plan_workers([(ray.cluster_resources()["CPU"], 0)])
        long = draw_videos(folder, 20, 4)
        clips = draw_videos(folder, 2, options.clips)
        slow = draw_videos(folder, 8, 1, (1920, 1080))
        cases: dict[str, tuple[Recipe, list[Path], int, float]] = {
            "long videos": (every, long, 4 * 600, 0.95),
            f"{options.clips} clips of two seconds": (middle, clips, 4 * options.clips, 0.90),
            "one slow decoder among others": (every, [*slow, *long], 4 * 600 + 240, 0.90),
        }
        for name, (recipe, videos, images, aim) in cases.items():
            readers = {
                f"{name}, {way}": make_readers(
                    plan, recipe, options.batch, options.image, together=together
                )
                for way, together in (("together", True), ("by video", False))
            }
            ways = {way: partial(read, own, videos) for way, own in readers.items()}
            for way in readers.values():
                read(way, videos[:4])  # which starts the decoders
            found = take_turns(ways, options.rounds)
            together, by_video = (images / timing.wall / limit for timing in found.values())
            show_timings(found)
            timings |= found
            figures += [
                Figure(f"filling: {name}", together, "of the limit", at_least=aim),
                Figure(f"filling: {name}, by video", by_video, "of the limit"),
            ]
    finish("filling", vars(options) | {"limit": limit}, figures, timings)


if __name__ == "__main__":
    main()
