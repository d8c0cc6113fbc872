"""Segment features of a whole video to scores, and scores of segments to frames.

The only place that turns logits into probabilities (reference behaviour).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from model.data import Rows, split_windows
from model.dsanet import Dsanet
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


@torch.inference_mode()
def score_segments(
    model: Dsanet,
    segments: Rows,
    temperature: float,
    text: Float[Tensor, "k d"] | None = None,
    score_temperature: float | None = None,
    batch: int = 32,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score one crop of a video, window by window, on the device of the model.

    Args:
        model: The model; its weights decide, whether it is in training mode does not.
        segments: Features [S,D].
        temperature: Divides logits before they become class probabilities.
        text: ``model.text()`` with the present weights, to make it once for many videos; None makes
            it here.
        score_temperature: Divides the score's logit where the model is calibrated; the score is
            then the probability of an anomaly. None leaves scores as published.
        batch: Windows at a time.

    Returns:
        The anomaly score of each segment [S] in [0, 1], and its class probabilities [S,K].

    Raises:
        ValueError: ``segments`` is not a matrix of finite numbers with at least one row.
    """
    windows, lengths = split_windows(segments, model.window)
    if text is None:
        text = model.text()
    scores, probabilities = [], []
    for start in range(0, len(windows), batch):
        features = torch.from_numpy(windows[start : start + batch]).to(text.device).float()
        counts = torch.from_numpy(lengths[start : start + batch]).to(text.device)
        logits = model.segment_logits(features, counts, text)
        scores.append((logits.score / (score_temperature or 1.0)).sigmoid().flatten())
        classes = class_probabilities(logits.score, logits.align, temperature, score_temperature)
        probabilities.append(classes.flatten(0, 1))
    valid = len(segments)
    return (
        torch.cat(scores)[:valid].cpu().numpy(),
        torch.cat(probabilities)[:valid].cpu().numpy(),
    )


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
