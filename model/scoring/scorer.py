"""Features of whole videos to scores of frames, by whatever head made the scorer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from model.heads.segment_scorer import SegmentScores
from model.training.data import Rows, split_windows
from stores.records import SEGMENT_FRAMES, VideoFeatures, VideoScores

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
"""The anomaly score of each segment [S] in [0, 1], and its class probabilities [S,K]."""


@runtime_checkable
class WindowScorer(Protocol):
    """What scores windows: a head's ``SegmentScorer``, or the same compiled."""

    @property
    def window(self) -> int:
        """T, the number of segments of every input."""

    @property
    def device(self) -> torch.device:
        """Where inputs have to lie."""

    def __call__(
        self, features: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"]
    ) -> SegmentScores:
        """Return the scores of B windows, padding included."""

    def frozen(self) -> WindowScorer:
        """Return what scores valid segments alike as long as no weight changes."""


def score_features(
    scorer: WindowScorer, videos: Iterable[VideoFeatures], crop: int
) -> Iterator[VideoScores]:
    """Yield a score and class probabilities for every frame of each video, in order.

    Of several crops the one numbered ``crop`` is scored, as published.

    Raises:
        ValueError: The features of a video are not finite, or its scores; the video is named.
    """
    first, second = tee(videos)
    rows = (_finite_rows(video, crop) for video in first)
    for video, (score, probabilities) in zip(second, score_videos(scorer, rows), strict=True):
        if not (np.isfinite(score).all() and np.isfinite(probabilities).all()):
            cause = "the checkpoint's weights, or its features, are too large"
            raise ValueError(f"{video.item.video_id}: scores that are not finite: {cause}")
        yield VideoScores(
            item=video.item,
            times=video.times,
            score=to_frames(score, video.frames),
            probabilities=to_frames(probabilities, video.frames),
            audit=video.audit,
            content=video.content,
            clock_steps=tuple(step.frame for step in video.audit.steps),
        )


def _finite_rows(video: VideoFeatures, crop: int) -> Rows:
    rows = video.segments[crop if video.segments.shape[0] > 1 else 0]
    if not np.isfinite(rows).all():
        raise ValueError(f"{video.item.video_id}: features that are not finite; extract it again")
    return rows


def windows_on(device: torch.device) -> int:
    """Return how many windows pass together: as many as a CPU's caches hold, or keep a GPU busy."""
    return 16 if device.type == "cpu" else 128


def score_videos(
    scorer: WindowScorer, videos: Iterable[Rows], batch: int | None = None
) -> Iterator[Scores]:
    """Yield the scores of the features [S,D] of each video, in order, read as they are wanted.

    Windows are independent, so those of several short videos share a batch: ``batch`` windows at a
    time, by default what suits the scorer's device. Its weights must not change meanwhile.

    Raises:
        ValueError: A video is not a matrix of finite numbers with at least one row.
    """
    batch = batch or windows_on(scorer.device)
    window = scorer.window
    frozen = scorer.frozen()
    for group in _grouped(videos, batch * window):
        scores, probabilities = _score_group(frozen, group, batch)
        start = 0
        for segments in group:
            stop = start + len(segments)
            yield scores[start:stop], probabilities[start:stop]
            start += -(-len(segments) // window) * window


def _grouped(videos: Iterable[Rows], segments: int) -> Iterator[list[Rows]]:
    """Yield videos in groups that have so many segments together, or a little more."""
    group: list[Rows] = []
    held = 0
    for video in videos:
        group.append(video)
        held += len(video)
        if held >= segments:
            yield group
            group, held = [], 0
    if group:
        yield group


@torch.inference_mode()
def _score_group(scorer: WindowScorer, videos: list[Rows], batch: int) -> Scores:
    """Return the scores of the windows of some videos one after another, padding included."""
    split = zip(*(split_windows(segments, scorer.window) for segments in videos), strict=True)
    windows, lengths = (torch.from_numpy(np.concatenate(own)) for own in split)
    batches = zip(torch.split(windows, batch), torch.split(lengths, batch), strict=True)
    device = scorer.device
    found = [scorer(rows.to(device).float(), counts.to(device)) for rows, counts in batches]
    scores = torch.cat([each.score.flatten() for each in found])
    probabilities = torch.cat([each.probabilities.flatten(0, 1) for each in found])
    return scores.cpu().numpy(), probabilities.cpu().numpy()


def to_frames(values: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return [F,...]: the row of ``values`` [S,...] whose segment each frame lies in.

    Frames past the last segment repeat its row: a recipe may drop an incomplete last segment, but
    every frame is owed a score. Segments past the last frame are cut.

    Raises:
        ValueError: There is no segment to repeat, or a negative number of frames.
    """
    if len(values) == 0 or frames < 0:
        raise ValueError(f"got {len(values)} segments for {frames} frames, expected at least one")
    segment = np.minimum(np.arange(frames) // SEGMENT_FRAMES, len(values) - 1)
    return values[segment]
