"""A video as a bag of segments: the losses of every head that knows labels of videos alone.

A *bag* loss looks at the segments of a video that say most: the mean of the highest
⌊n/16⌋ + 1 values among its n valid segments. The separation of class texts stands beside them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from model.device import can_sync


def valid_segments(lengths: Int[Tensor, " b"], window: int) -> Bool[Tensor, "b t"]:
    """Return which of the ``window`` segments of each sample are not padding."""
    return torch.arange(window, device=lengths.device) < lengths.unsqueeze(1)


def bag_mean(values: Float[Tensor, "b t k"], lengths: Int[Tensor, " b"]) -> Float[Tensor, "b k"]:
    """Return the mean of the ⌊n/16⌋ + 1 highest of each sample's n valid values, class by class."""
    window = values.shape[1]
    counts = lengths // 16 + 1
    most = window // 16 + 1  # the count of a full window, so that no count has to reach the host
    padding = ~valid_segments(lengths, window)
    highest = values.masked_fill(padding.unsqueeze(-1), -math.inf).topk(most, dim=1).values
    counted = valid_segments(counts, most)
    return highest.where(counted.unsqueeze(-1), 0.0).sum(dim=1) / counts.unsqueeze(-1)


def classification_loss(
    score_logits: Float[Tensor, "b t"], labels: Float[Tensor, "b k"], lengths: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Return the binary cross-entropy of each bag's mean probability with "not normal".

    NaN counts as 0.5: on a GPU it would end the process's use of the device. Other losses show it.
    """
    probability = bag_mean(score_logits.sigmoid().unsqueeze(-1), lengths).squeeze(-1)
    return functional.binary_cross_entropy(probability.nan_to_num(0.5), 1 - labels[:, 0])


def align_loss(
    align_logits: Float[Tensor, "b t k"], shares: Float[Tensor, "b k"], lengths: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Return the cross-entropy of the label shares with each class's bag of logits."""
    return functional.cross_entropy(bag_mean(align_logits, lengths), shares)


def separation_loss(text: Float[Tensor, "k d"]) -> Float[Tensor, ""]:
    """Return the mean absolute cosine of the normal class and each anomaly class."""
    return functional.cosine_similarity(text[:1], text[1:], dim=-1).abs().mean()


def label_shares(labels: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
    """Return multi-hot labels with each sample's sum 1.

    Raises:
        ValueError: A sample has no label; on a GPU its losses become NaN instead.
    """
    if can_sync(labels) and not (has_label := labels.any(dim=-1)).all():
        unlabelled = (~has_label).nonzero().flatten().tolist()
        raise ValueError(f"samples {unlabelled} of the batch have no label, expected one each")
    return labels / labels.sum(dim=-1, keepdim=True)
