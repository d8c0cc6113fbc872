"""The coarse and the fine branch: how anomalous each segment is, and what kind of anomaly it is.

VadCLIP's are the same functions.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.heads.dsanet.layers import Mlp
from model.heads.dsanet.temporal import VideoEncoder
from model.heads.segment_scorer import SegmentBranches, SegmentLogits, Temperatures

COSINE_TEMPERATURE = 0.07
"""Divides every cosine that serves as a logit (CLIP's own starting value)."""


class DsanetBranches(SegmentBranches):
    """Video encoder, coarse branch and fine branch."""

    def __init__(self, video: VideoEncoder) -> None:
        super().__init__()
        self.window, width = video.position.shape
        self.video = video
        self.score_mlp = Mlp(width)
        self.score_head = nn.Linear(width, 1)
        self.align_mlp = Mlp(width)

    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> SegmentLogits:
        """Return the logits of B windows."""
        video = self.video(features, lengths)
        score_logits = self.score(video)
        return SegmentLogits(score=score_logits, align=self.align(video, score_logits, text))

    def score(self, video: Float[Tensor, "b t d"]) -> Float[Tensor, "b t"]:
        """Return the coarse branch's logit of each segment being anomalous."""
        logits: Tensor = self.score_head(video + self.score_mlp(video))
        return logits.squeeze(-1)

    def align(
        self,
        video: Float[Tensor, "b t d"],
        score_logits: Float[Tensor, "b t"],
        text: Float[Tensor, "k d"],
    ) -> Float[Tensor, "b t k"]:
        """Return the fine branch's logits: each segment against class texts moved by the video."""
        moved = prompted_text(video, score_logits, text)
        return cosine_logits(video, moved + self.align_mlp(moved))


def prompted_text(
    video: Float[Tensor, "b t d"], score_logits: Float[Tensor, "b t"], text: Float[Tensor, "k d"]
) -> Float[Tensor, "b k d"]:
    """Return class texts plus one unit vector a sample: the video pooled by its raw logits.

    Raw means neither a softmax nor a sigmoid, so weights may be negative, and padding takes part.
    """
    pooled = (score_logits.unsqueeze(1) @ video).squeeze(1)
    return text + functional.normalize(pooled, dim=-1).unsqueeze(1)


def cosine_logits(
    x: Float[Tensor, "*n d"], classes: Float[Tensor, "*b k d"]
) -> Float[Tensor, "*n k"]:
    """Return the cosine of every row of ``x`` and every class, divided by the temperature."""
    cosine = functional.normalize(x, dim=-1) @ functional.normalize(classes, dim=-1).mT
    return cosine / COSINE_TEMPERATURE


def class_probabilities(
    score_logits: Float[Tensor, "*n"],
    align_logits: Float[Tensor, "*n k"],
    temperatures: Temperatures,
) -> Float[Tensor, "*n k"]:
    """Return the probability of each class, class 0 being normal (reference behaviour).

    The coarse branch says how much is anomalous, the fine branch which anomaly. Rows sum to 1,
    unless the fine branch gives anomalies hardly any mass (1e-12, out of reach at temperatures
    above 1); then they sum to less, as published.
    """
    coarse = temperatures.classes if temperatures.score is None else temperatures.score
    abnormal = torch.sigmoid(score_logits / coarse).unsqueeze(-1)
    anomalies = torch.softmax(align_logits / temperatures.classes, dim=-1)[..., 1:]
    anomalies = anomalies / (anomalies.sum(dim=-1, keepdim=True) + 1e-12)
    return torch.cat([1 - abnormal, abnormal * anomalies], dim=-1)
