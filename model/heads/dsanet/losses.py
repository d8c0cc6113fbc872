"""The seven training losses of DSANet, with the constants of the reference behaviour.

A *bag* loss looks at the segments of a video that say most: the mean of the highest
⌊n/16⌋ + 1 values among its n valid segments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from model.heads.dsanet.model import DsanetOutput
from model.heads.dsanet.temporal import valid_segments
from model.training.sync import at_hand

SMOOTHING = 0.1
"""Label smoothing of the event and background losses."""

BACKGROUND_RESIDUE = 0.01
"""Weight of each anomaly class, next to 1 for normal, in what a background should look like."""


@dataclass(frozen=True, slots=True)
class LossTerms:
    """The losses of one batch, unweighted scalars; None where the model lacks the branch."""

    classification: Float[Tensor, ""]
    align: Float[Tensor, ""]
    separation: Float[Tensor, ""]
    event: Float[Tensor, ""] | None
    background: Float[Tensor, ""] | None
    consistency: Float[Tensor, ""] | None
    gather: Float[Tensor, ""] | None

    def total(self, align_weight: float) -> Float[Tensor, ""]:
        """Return the sum, the alignment loss weighted.

        Without SG-NM the weight is not applied: so the published ablation was run.
        """
        weight = 1.0 if self.gather is None else align_weight
        optional = (self.event, self.background, self.consistency, self.gather)
        total = self.classification + weight * self.align + self.separation
        for term in optional:
            if term is not None:
                total = total + term
        return total

    def detached(self) -> LossTerms:
        """Return copies of the values without their gradients, to be looked at later."""

        def copied(term: Tensor) -> Tensor:
            return term.detach().clone()  # a CUDA graph writes to the same place at its next run

        return self._changed(copied, copied)

    def share(self, of_samples: float, of_segments: float | Float[Tensor, ""]) -> LossTerms:
        """Return what this part of a batch adds to the terms of the whole batch.

        All terms are means over samples but the consistency, which is one over valid segments.
        """
        return self._changed(lambda term: term * of_samples, lambda term: term * of_segments)

    def plus(self, other: LossTerms) -> LossTerms:
        """Return the sums, term by term; both have the same branches."""
        return LossTerms(
            classification=self.classification + other.classification,
            align=self.align + other.align,
            separation=self.separation + other.separation,
            event=_sum(self.event, other.event),
            background=_sum(self.background, other.background),
            consistency=_sum(self.consistency, other.consistency),
            gather=_sum(self.gather, other.gather),
        )

    def _changed(
        self, change: Callable[[Tensor], Tensor], consistency: Callable[[Tensor], Tensor]
    ) -> LossTerms:
        return LossTerms(
            classification=change(self.classification),
            align=change(self.align),
            separation=change(self.separation),
            event=None if self.event is None else change(self.event),
            background=None if self.background is None else change(self.background),
            consistency=None if self.consistency is None else consistency(self.consistency),
            gather=None if self.gather is None else change(self.gather),
        )


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return None if one is None or other is None else one + other


def loss_terms(
    output: DsanetOutput, labels: Float[Tensor, "b k"], lengths: Int[Tensor, " b"]
) -> LossTerms:
    """Return every loss of a batch.

    Args:
        output: What the model gave.
        labels: Multi-hot; a normal sample has class 0 alone.
        lengths: Segments of each sample that are not padding.

    Raises:
        ValueError: A sample has no label, which would turn the losses into NaN; on a GPU it does.
    """
    if at_hand(labels):
        unlabelled = (labels.sum(dim=-1) == 0).nonzero().flatten().tolist()
        if unlabelled:
            raise ValueError(f"samples {unlabelled} of the batch have no label, expected one each")
    shares = labels / labels.sum(dim=-1, keepdim=True)
    valid = valid_segments(lengths, window=output.score_logits.shape[1])
    event, background = output.event_logits, output.background_logits
    reconstruction = output.reconstruction
    return LossTerms(
        classification=classification_loss(output.score_logits, labels, lengths),
        align=align_loss(output.align_logits, shares, lengths),
        separation=separation_loss(output.text),
        event=None if event is None else event_loss(event, shares),
        background=None if background is None else background_loss(background),
        consistency=(
            None
            if reconstruction is None
            else consistency_loss(output.score_logits, output.video, reconstruction, valid)
        ),
        gather=output.gather_loss,
    )


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
    score_logits: Float[Tensor, "b t"],
    labels: Float[Tensor, "b k"],
    lengths: Int[Tensor, " b"],
) -> Float[Tensor, ""]:
    """Return the binary cross-entropy of each bag's mean probability with "not normal".

    NaN counts as 0.5: on a GPU it would end the process's use of the device. Other losses show it.
    """
    probability = bag_mean(score_logits.sigmoid().unsqueeze(-1), lengths).squeeze(-1)
    return functional.binary_cross_entropy(probability.nan_to_num(0.5), 1 - labels[:, 0])


def align_loss(
    align_logits: Float[Tensor, "b t k"],
    shares: Float[Tensor, "b k"],
    lengths: Int[Tensor, " b"],
) -> Float[Tensor, ""]:
    """Return the cross-entropy of the label shares with each class's bag of logits."""
    return functional.cross_entropy(bag_mean(align_logits, lengths), shares)


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


def separation_loss(text: Float[Tensor, "k d"]) -> Float[Tensor, ""]:
    """Return the mean absolute cosine of the normal class and each anomaly class."""
    return functional.cosine_similarity(text[:1], text[1:], dim=-1).abs().mean()


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

    The mean is over the batch, so long videos weigh more. Both sides are trained by it.
    """
    gap = score_logits.sigmoid() - reconstruction_error(video, reconstruction)
    return (gap.square() * valid).sum() / valid.sum()
