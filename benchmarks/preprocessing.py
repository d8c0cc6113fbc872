"""What do ten crops of a frame cost, beside the encoder that they are made for?

    python benchmarks/preprocessing.py [--frames 64] [--rounds 5]

The usual way cuts and normalises each crop in numpy, one after another. Both ways start from a
frame that OpenCV has resized to 340×256, and give the same tensor; the largest gap is printed. The
share is of ViT-B/16 with random weights on the same ten images a frame.
"""

from __future__ import annotations

import argparse

import numpy as np
import open_clip
import torch
from measuring import Figure, finish, once, show_timings, take_turns
from numpy.typing import NDArray

from extract.crops import crop, normalise
from extract.encoder import ClipEncoder
from extract.recipe import RECIPES

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CORNERS = ((16, 58), (0, 0), (0, 116), (32, 0), (32, 116))


def plain(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return [F,10,3,224,224], crop by crop."""
    made = []
    for frame in frames:
        crops = [frame[top : top + 224, left : left + 224] for top, left in CORNERS]
        crops += [picture[:, ::-1] for picture in crops]
        normal = [(picture / 255.0 - MEAN) / STD for picture in crops]
        made.append(np.stack([picture.transpose(2, 0, 1) for picture in normal]))
    return np.stack(made).astype(np.float32)


def ours(frames: NDArray[np.uint8]) -> torch.Tensor:
    """Return the same, as an extraction makes it."""
    crops = crop(torch.from_numpy(frames), RECIPES["vadclip"])
    return normalise(crops.flatten(0, 1), mean=MEAN, std=STD, dtype=torch.float32)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (options.frames, 256, 340, 3), dtype=np.uint8)
    clip = open_clip.create_model("ViT-B-16")
    encoder = ClipEncoder(clip, device=torch.device("cpu"), precision="fp32")
    # Some six frames at a time are one batch of the encoder; larger ones only move more memory.
    pieces = [frames[start : start + 6] for start in range(0, len(frames), 6)]
    timings = take_turns(
        {
            "numpy, crop by crop": lambda: plain(frames),
            "ours": lambda: [ours(piece) for piece in pieces],
        },
        options.rounds,
    )
    images = crop(torch.from_numpy(frames[:2]), RECIPES["vadclip"]).flatten(0, 1)
    encoding = once(lambda: encoder.encode(images)).processor / 2 * len(frames)
    show_timings(timings)
    loop, made = timings.values()
    gap = np.abs(plain(frames[:2]).reshape(20, 3, 224, 224) - ours(frames[:2]).numpy()).max()
    figures = [
        Figure("preprocessing: ten crops of a frame", 1e3 * made.wall / len(frames), "ms"),
        Figure("preprocessing: against numpy", loop.processor / made.processor, "times"),
        Figure("preprocessing: of the encoder's time", made.processor / encoding, "", at_most=0.1),
        Figure("preprocessing: largest gap", float(gap), "", at_most=1e-5),
    ]
    finish("preprocessing", vars(options), figures, timings)


if __name__ == "__main__":
    main()
