"""Segment features of a whole video to scores, and scores of segments to frames.

The only place that turns logits into probabilities (reference behaviour).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from model.heads.dsanet.model import Dsanet, SegmentLogits
from model.training.config import Arithmetic
from model.training.data import Rows, split_windows
from model.training.step import autocast
from stores.records import SEGMENT_FRAMES


def class_probabilities(
    score_logits: Float[Tensor, "*n"],
    align_logits: Float[Tensor, "*n k"],
    temperature: float,
    score_temperature: float | None = None,
) -> Float[Tensor, "*n k"]:
    """Return the probability of each class, class 0 being normal.

    The coarse branch says how much is anomalous, the fine branch which anomaly. Rows sum to 1,
    unless the fine branch gives anomalies hardly any mass (1e-12, out of reach at temperatures
    above 1); then they sum to less, as published. Published is one temperature for both branches;
    a calibrated model has a ``score_temperature`` of its own for the coarse one.
    """
    coarse = temperature if score_temperature is None else score_temperature
    abnormal = torch.sigmoid(score_logits / coarse).unsqueeze(-1)
    anomalies = torch.softmax(align_logits / temperature, dim=-1)[..., 1:]
    anomalies = anomalies / (anomalies.sum(dim=-1, keepdim=True) + 1e-12)
    return torch.cat([1 - abnormal, abnormal * anomalies], dim=-1)


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What logits are divided by before they become probabilities.

    ``classes`` goes for both branches, as published. ``score`` is a calibrated model's own for the
    coarse branch, with which the anomaly score is the probability of an anomaly; None leaves scores
    as published.
    """

    classes: float
    score: float | None = None


Logits = Callable[
    [Float[Tensor, "b t d"], Int[Tensor, " b"], Float[Tensor, "k d"]],
    SegmentLogits,
]
"""Windows, their lengths and the class texts to logits: what `Dsanet.segment_logits` does."""

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
"""The anomaly score of each segment [S] in [0, 1], and its class probabilities [S,K]."""


def logits_in(model: Dsanet, arithmetic: Arithmetic) -> Logits:
    """Return the model's own, with products in this arithmetic; bf16 moves scores by about 0.01."""

    def logits(
        features: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"], text: Float[Tensor, "k d"]
    ) -> SegmentLogits:
        with autocast(features.device, arithmetic):
            return model.segment_logits(features, lengths, text)

    return logits


def windows_on(device: torch.device) -> int:
    """Return how many windows pass the model together on a device."""
    return 16 if device.type == "cpu" else 128


def score_segments(
    model: Dsanet,
    segments: Rows,
    temperature: float,
    text: Float[Tensor, "k d"] | None = None,
    batch: int | None = None,
) -> Scores:
    """Score one crop of one video, as :func:`score_videos` scores many.

    Raises:
        ValueError: ``segments`` is not a matrix of finite numbers with at least one row.
    """
    return next(score_videos(model, [segments], Temperatures(temperature), text=text, batch=batch))


def score_videos(
    model: Dsanet,
    videos: Iterable[Rows],
    temperatures: Temperatures,
    text: Float[Tensor, "k d"] | None = None,
    batch: int | None = None,
    logits: Logits | None = None,
) -> Iterator[Scores]:
    """Yield the scores of one crop of each video, in order, made on the device of the model.

    Windows are independent, so those of several short videos share a batch.

    Args:
        model: The model; its weights decide, whether it is in training mode does not.
        videos: The features [S,D] of each; they are read as they are wanted.
        temperatures: Divide logits before they become scores and class probabilities.
        text: ``model.text()`` with the present weights, to make it once for many videos; None makes
            it here.
        batch: Windows at a time; by default what a processor's caches hold, or a GPU is busy with.
        logits: What makes the logits of windows; the model's own method by default.

    Raises:
        ValueError: A video is not a matrix of finite numbers with at least one row.
    """
    if text is None:
        with torch.inference_mode():
            text = model.text()
    batch = batch or windows_on(text.device)
    made_by = logits or model.segment_logits
    for group in _grouped(videos, batch * model.window):
        with torch.inference_mode():
            windows, lengths = _windows(group, model.window)
            scores, probabilities = _score_windows(
                made_by, windows, lengths, temperatures, text, batch
            )
        start = 0
        for segments in group:
            stop = start + len(segments)
            yield scores[start:stop], probabilities[start:stop]
            start += -(-len(segments) // model.window) * model.window


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


def _windows(videos: list[Rows], window: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return the windows [W,T,D] of some videos one after another, and their valid rows [W]."""
    split = [split_windows(segments, window) for segments in videos]
    return np.concatenate([own for own, _ in split]), np.concatenate([own for _, own in split])


def _score_windows(
    made_by: Logits,
    windows: Rows,
    lengths: NDArray[np.int64],
    temperatures: Temperatures,
    text: Float[Tensor, "k d"],
    batch: int,
) -> Scores:
    """Return the scores of all windows one after another, padding included."""
    scores, probabilities = [], []
    for start in range(0, len(windows), batch):
        features = torch.from_numpy(windows[start : start + batch]).to(text.device).float()
        counts = torch.from_numpy(lengths[start : start + batch]).to(text.device)
        logits = made_by(features, counts, text)
        score, align = logits.score.float(), logits.align.float()
        scores.append((score / (temperatures.score or 1.0)).sigmoid().flatten())
        classes = class_probabilities(score, align, temperatures.classes, temperatures.score)
        probabilities.append(classes.flatten(0, 1))
    return torch.cat(scores).cpu().numpy(), torch.cat(probabilities).cpu().numpy()


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
