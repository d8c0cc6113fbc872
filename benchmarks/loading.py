"""How quick do features become training samples, and does a step ever wait for them?

    python benchmarks/loading.py [--rounds 5]

The usual way reads one .npy a crop whenever a sample is drawn and makes its 256 means in a Python
loop. Here every sample is fitted once and kept as float16; a batch is one look-up, widened part by
part as a step asks for it. Features on disk are float16 [S,512], 40 to 1,500 segments a video. The
last figure but one is what making a batch of 128 samples takes of the step that it is made for.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from measuring import Figure, finish, once, show_timings, take_turns
from numpy.typing import NDArray
from training import TRAINING, build_model, in_parts, make_batch

from model.training.data import TrainingSet, fit_to_window

WINDOW, WIDTH, VIDEOS = 256, 512, 64


def plain_sample(path: Path) -> NDArray[np.float32]:
    """Return one sample as it is usually made: read, then a mean for each of 256 stretches."""
    features = np.load(path)
    if len(features) <= WINDOW:
        return np.pad(features, ((0, WINDOW - len(features)), (0, 0))).astype(np.float32)
    sample = np.zeros((WINDOW, WIDTH), dtype=np.float32)
    bounds = np.linspace(0, len(features), WINDOW + 1, dtype=np.int32)
    for index in range(WINDOW):
        if bounds[index] == bounds[index + 1]:
            sample[index] = features[bounds[index]]
        else:
            sample[index] = np.mean(features[bounds[index] : bounds[index + 1]], axis=0)
    return sample


def look_up(samples: TrainingSet, drawn: torch.Tensor) -> None:
    """Make a batch and each of its parts in float32, as a step asks for them."""
    for _ in samples.batch(drawn).parts(TRAINING.part):
        pass


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths, videos = [], []
        for index, segments in enumerate(random.integers(40, 1500, VIDEOS)):
            videos.append(random.standard_normal((segments, WIDTH)).astype(np.float16))
            paths.append(Path(folder) / f"{index}.npy")
            np.save(paths[-1], videos[-1])
        fitted = [fit_to_window(video, WINDOW) for video in videos]
        samples = TrainingSet(
            features=torch.from_numpy(np.stack([f.astype(np.float16) for f, _ in fitted])),
            lengths=torch.tensor([length for _, length in fitted]),
            labels=torch.eye(14)[torch.arange(VIDEOS) % 14],
        )
        drawn = torch.randperm(VIDEOS)
        timings = take_turns(
            {
                "loop over means, from .npy": lambda: [plain_sample(path) for path in paths],
                "fitted anew, vectorised": lambda: [fit_to_window(v, WINDOW) for v in videos],
                "looked up, part by part": lambda: look_up(samples, drawn),
            },
            options.rounds,
        )
    show_timings(timings)
    gap = max(
        float(np.abs(plain_sample_of(v) - f.astype(np.float32)).max())
        for v, (f, _) in zip(videos, fitted, strict=True)
    )
    loop, vectorised, batch = timings.values()
    model, step_batch = build_model(), make_batch(16)
    step = once(lambda: in_parts(model, step_batch)).processor * 8
    figures = [
        Figure("loading: look-up against the loop", loop.wall / batch.wall, "times", at_least=20),
        Figure(
            "loading: fitting, vectorised, against the loop", loop.wall / vectorised.wall, "times"
        ),
        Figure("loading: largest gap to the loop", gap, "", at_most=2e-3),
        Figure("loading: a batch of 128 of its step", 2 * batch.wall / step, "", at_most=0.02),
        Figure("loading: a sample in memory", WINDOW * WIDTH * 2 / 2**20, "MiB"),
    ]
    finish("loading", vars(options) | {"videos": VIDEOS}, figures, timings)


def plain_sample_of(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the loop's sample of features that are in memory already."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.npy"
        np.save(path, features)
        return plain_sample(path)


if __name__ == "__main__":
    main()
