"""How long does scoring from features take, for a test split of UCF-Crime's size?

    python benchmarks/scoring.py [--every 20] [--more 4] [--rounds 5]

290 videos, 62,419 segments, with a spread of lengths like UCF-Crime's. ``one by one`` is the usual
loop: each video through the whole model, SG-NM included; ``without SG-NM`` leaves out what no score
needs; ``together, padded`` puts windows of many videos in a batch and computes attention to padding
once; ``together`` is what evaluation and scoring do on a processor: padding computed once in all.
All give the same scores, and the largest gap is printed. The comparison is made on every twentieth
video, the two last ways also on every fourth, `all videos` is one run of all.
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

import numpy as np
import torch
from measuring import Figure, Timing, finish, machine, once, show_timings, take_turns
from numpy.typing import NDArray
from training import MODEL, build_model, padding_computed

from model.heads.dsanet.model import Dsanet
from model.heads.segment_scorer import SegmentScorer, Temperatures
from model.scoring.scorer import score_videos
from model.training.config import Arithmetic
from model.training.data import split_windows
from model.training.step import autocast

VIDEOS, SEGMENTS = 290, 62_419
AUTHORS_SECONDS = 60.8
Features = NDArray[np.float16]


def make_videos(width: int = MODEL.width) -> list[Features]:
    """Return features of 290 videos: lengths log-normal, half of them below 100 segments."""
    random = np.random.default_rng(0)
    shares = random.lognormal(sigma=1.25, size=VIDEOS)
    lengths = np.maximum(shares / shares.sum() * SEGMENTS, 6).astype(int)
    lengths[lengths.argmax()] += SEGMENTS - lengths.sum()
    pool = 0.4 * random.standard_normal((int(lengths.max()), width))
    return [
        np.roll(pool, index, axis=0)[:length].astype(np.float16)
        for index, length in enumerate(lengths)
    ]


def one_by_one(
    model: Dsanet, videos: list[Features], text: torch.Tensor, whole: bool
) -> list[NDArray[np.float32]]:
    """Return the scores of each video, padding computed like everything else."""
    scores = []
    with torch.inference_mode(), padding_computed():
        for video in videos:
            windows, lengths = split_windows(video, MODEL.window)
            features, counts = torch.from_numpy(windows).float(), torch.from_numpy(lengths)
            if whole:
                logits = model(features, counts, text, rebuild_padding=True).score_logits
            else:
                logits = model.branches(features, counts, text).score
            scores.append(logits.sigmoid().flatten()[: len(video)].numpy())
    return scores


def together(
    scorer: SegmentScorer, videos: list[Features], arithmetic: Arithmetic = "fp32"
) -> list[NDArray[np.float32]]:
    """Return the scores of each video as evaluation makes them."""
    with autocast(scorer.device, arithmetic):
        return [scores for scores, _ in score_videos(scorer, videos)]


def together_padded(scorer: SegmentScorer, videos: list[Features]) -> list[NDArray[np.float32]]:
    """Return the scores of each video with whole windows, as on a GPU."""
    with patch.object(SegmentScorer, "frozen", lambda self: self):
        return [scores for scores, _ in score_videos(scorer, videos, 16)]


def without_padding(
    scorer: SegmentScorer, videos: list[Features], rounds: int
) -> tuple[dict[str, Timing], list[Figure]]:
    """Return what more videos take together with whole windows and without padding."""
    results: dict[str, list[NDArray[np.float32]]] = {}
    timings = take_turns(
        {
            "more, padded": lambda: results.update(plain=together_padded(scorer, videos)),
            "more, together": lambda: results.update(ours=together(scorer, videos)),
        },
        rounds,
    )
    show_timings(timings)
    padded, ours = timings.values()
    gap = np.abs(np.concatenate(results["plain"]) - np.concatenate(results["ours"])).max()
    times = padded.processor / ours.processor
    return timings, [
        Figure("scoring: without padding against with", times, "times", at_least=1.3),
        Figure("scoring: largest gap to it", float(gap), "", at_most=1e-5),
    ]


def in_bfloat16(
    model: Dsanet, videos: list[Features], text: torch.Tensor, rounds: int
) -> tuple[dict[str, Timing], list[Figure]]:
    """Return what a few videos take one by one in float32 and together in bfloat16."""
    scorer = model.scorer(Temperatures(1.0))
    results: dict[str, list[NDArray[np.float32]]] = {}
    timings = take_turns(
        {
            "few, one by one": lambda: results.update(plain=one_by_one(model, videos, text, True)),
            "few, in bf16": lambda: results.update(half=together(scorer, videos, "bf16")),
        },
        rounds,
    )
    show_timings(timings)
    plain, half = timings.values()
    gap = np.abs(np.concatenate(results["plain"]) - np.concatenate(results["half"])).max()
    times = plain.processor / half.processor
    return timings, [
        Figure("scoring: bf16 against one by one", times, "times", at_least=6.0),
        Figure("scoring: largest gap in bf16", float(gap), "", at_most=0.02),
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--more", type=int, default=4, help="every so many for the two last ways")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    model = build_model().eval()
    scorer = model.scorer(Temperatures(1.0))
    text = scorer.text
    videos = make_videos()
    some = videos[:: options.every]
    results: dict[str, list[NDArray[np.float32]]] = {}
    ways = {
        "one by one": lambda: results.update(plain=one_by_one(model, some, text, whole=True)),
        "one by one, without SG-NM": lambda: one_by_one(model, some, text, whole=False),
        "together, padded": lambda: together_padded(scorer, some),
        "together": lambda: results.update(ours=together(scorer, some)),
    }
    timings = take_turns(ways, options.rounds)
    show_timings(timings)
    few = some if machine()["bfloat16"] else some[::5]  # without the hardware it takes long
    half, halves = in_bfloat16(model, few, text, options.rounds)
    padded, gains = without_padding(scorer, videos[:: options.more], options.rounds)
    everything = once(lambda: together(scorer, videos))
    plain, ours = np.concatenate(results["plain"]), np.concatenate(results["ours"])
    windows = sum(-(-len(video) // MODEL.window) for video in videos)
    loop, *_, fast = timings.values()
    figures = [
        Figure("scoring: windows", windows, ""),
        Figure("scoring: padding in them", 1 - SEGMENTS / (windows * MODEL.window), ""),
        Figure(
            "scoring: together against one by one",
            loop.processor / fast.processor,
            "times",
            at_least=3.5,
        ),
        Figure("scoring: all videos", everything.wall, "s"),
        Figure("scoring: all videos, processor", everything.processor, "s"),
        Figure(
            "scoring: against the authors' 60.8 s",
            AUTHORS_SECONDS / everything.wall,
            "times",
            at_least=3.5,
        ),
        Figure(
            "scoring: largest gap of a score", float(np.abs(plain - ours).max()), "", at_most=1e-5
        ),
        *gains,
        *halves,
    ]
    finish("scoring", vars(options), figures, timings | padded | half)


if __name__ == "__main__":
    main()
