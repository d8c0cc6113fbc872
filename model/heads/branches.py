"""The coarse and the fine branch: how anomalous each segment is, and what kind of anomaly it is.

VadCLIP's and DSANet's alike; heads differ in the class texts that come in, and in what they make of
the logits.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.heads.layers import Mlp
from model.heads.segment_scorer import SegmentBranches, SegmentLogits
from model.heads.temporal import VideoEncoder

COSINE_TEMPERATURE = 0.07
"""Divides every cosine that serves as a logit (CLIP's own starting value)."""


class DualBranch(SegmentBranches):
    """Video encoder, coarse branch and fine branch.

    Without ``visual_prompt`` class texts are not moved by the video (ablation).
    """

    def __init__(self, video: VideoEncoder, *, visual_prompt: bool = True) -> None:
        super().__init__()
        self.visual_prompt = visual_prompt
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
        moved = prompted_text(video, score_logits, text) if self.visual_prompt else text
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
