"""The losses of DSANet, with the constants of the reference behaviour; three are in ``bags``."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from model.heads.bags import (
    align_loss,
    classification_loss,
    label_shares,
    separation_loss,
    valid_segments,
)
from model.heads.loss_terms import LossTerms

SMOOTHING = 0.1
"""Label smoothing of the event and background losses."""

BACKGROUND_RESIDUE = 0.01
"""Weight of each anomaly class, next to 1 for normal, in what a background should look like."""


@dataclass(frozen=True, slots=True)
class DsanetOutput:
    """What the losses need, for B windows of T segments, padding included.

    ``event_logits`` and ``background_logits`` are None without alignment, ``reconstruction`` and
    ``gather_loss`` without normality.
    """

    score_logits: Float[Tensor, "b t"]
    align_logits: Float[Tensor, "b t k"]
    text: Float[Tensor, "k d"]
    video: Float[Tensor, "b t d"]
    event_logits: Float[Tensor, "b k"] | None
    background_logits: Float[Tensor, "b k"] | None
    reconstruction: Float[Tensor, "b t d"] | None
    gather_loss: Float[Tensor, ""] | None

    def loss_terms(self, labels: Float[Tensor, "b k"], lengths: Int[Tensor, " b"]) -> LossTerms:
        """Return every loss of the batch.

        Raises:
            ValueError: A sample has no label; on a GPU its losses become NaN instead.
        """
        shares = label_shares(labels)
        score = self.score_logits.float()
        terms = {
            "classification": classification_loss(score, labels, lengths),
            "align": align_loss(self.align_logits.float(), shares, lengths),
            "separation": separation_loss(self.text.float()),
        }
        if self.event_logits is not None and self.background_logits is not None:
            terms["event"] = event_loss(self.event_logits.float(), shares)
            terms["background"] = background_loss(self.background_logits.float())
        if self.reconstruction is not None and self.gather_loss is not None:
            video, rebuilt = self.video.float(), self.reconstruction.float()
            valid = valid_segments(lengths, window=score.shape[1])
            terms["consistency"] = consistency_loss(score, video, rebuilt, valid)
            terms["gather"] = self.gather_loss.float()
        return LossTerms(terms, over_segments=frozenset({"consistency"}))


def event_loss(
    event_logits: Float[Tensor, "b k"], shares: Float[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """Return the smoothed cross-entropy that makes the event look like its classes."""
    return functional.cross_entropy(event_logits, shares, label_smoothing=SMOOTHING)


def background_loss(background_logits: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """Return the smoothed cross-entropy that makes any video's background look normal."""
    target = torch.full_like(background_logits, BACKGROUND_RESIDUE)
    target[:, 0] = 1.0
    target = target / target.sum(dim=-1, keepdim=True)
    return functional.cross_entropy(background_logits, target, label_smoothing=SMOOTHING)


def reconstruction_error(
    video: Float[Tensor, "b t d"], reconstruction: Float[Tensor, "b t d"]
) -> Float[Tensor, "b t"]:
    """Return (1 - cosine) / 2 of each segment and its reconstruction, in [0, 1]."""
    return (1 - functional.cosine_similarity(video, reconstruction, dim=-1)) / 2


def consistency_loss(
    score_logits: Float[Tensor, "b t"],
    video: Float[Tensor, "b t d"],
    reconstruction: Float[Tensor, "b t d"],
    valid: Bool[Tensor, "b t"],
) -> Float[Tensor, ""]:
    """Return the mean squared gap of score and reconstruction error over all valid segments.

    So long videos weigh more; both sides are trained by it.
    """
    gap = score_logits.sigmoid() - reconstruction_error(video, reconstruction)
    return (gap.square() * valid).sum() / valid.sum()
