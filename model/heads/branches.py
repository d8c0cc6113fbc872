"""The coarse and the fine branch: how anomalous each segment is, and what kind of anomaly it is.

VadCLIP's and DSANet's alike; heads differ in the class texts that come in, and in what they make of
the logits.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.device import can_sync
from model.heads.layers import Mlp
from model.heads.segment_scorer import SegmentBranches, SegmentLogits
from model.heads.temporal import VideoEncoder
from model.heads.unpadded import Extents, UnpaddedEncoder

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

    def frozen(self) -> SegmentBranches:
        """Return what computes no padding, on a processor; a GPU would wait for lengths."""
        return UnpaddedBranches(self) if can_sync(self.score_head.weight) else self

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
        return cosine_logits(video, self.class_vectors(pool_video(video, score_logits), text))

    def class_vectors(
        self, pooled: Float[Tensor, "b d"], text: Float[Tensor, "k d"]
    ) -> Float[Tensor, "*b k d"]:
        """Return what segments of each pooled video are compared with, or of all videos."""
        moved = move_text(text, pooled) if self.visual_prompt else text
        vectors: Tensor = moved + self.align_mlp(moved)
        return vectors


class UnpaddedBranches(SegmentBranches):
    """Branches with the weights they have now, on a processor; logits of padding are 0.

    Those of segments are the branches' but for rounding: a window whose last computed row is not
    what an empty window holds there is computed whole.
    """

    @torch.no_grad()
    def __init__(self, branches: DualBranch) -> None:
        super().__init__()
        self.window = branches.window
        self._branches = branches
        self._video = UnpaddedEncoder(branches.video)
        empty = self._video.empty
        self._empty = branches.score(empty.unsqueeze(0))[0].unsqueeze(-1) * empty
        # What rows from each one to the window's end add to a pooled video; past it nothing.
        self._rest = functional.pad(self._empty, (0, 0, 0, 1)).flip(0).cumsum(dim=0).flip(0)

    @torch.no_grad()
    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> SegmentLogits:
        """Return the logits of B windows."""
        extents = self._video.extents(lengths.tolist())
        video = self._video(features, extents)
        scores = self._branches.score(video.unsqueeze(0))[0]
        weighted = scores.unsqueeze(-1) * video
        sums = [rows.sum(dim=0) for rows in torch.split(weighted, extents.computed)]
        pooled = torch.stack(sums) + self._rest[extents.computed]
        classes = self._branches.class_vectors(pooled, text).expand(len(features), -1, -1)
        score = scores.new_zeros(features.shape[:2])
        align = scores.new_zeros(*features.shape[:2], len(text))
        parts = zip(
            torch.split(scores, extents.computed), torch.split(video, extents.computed), strict=True
        )
        for window, (valid, (own, rows)) in enumerate(zip(extents.valid, parts, strict=True)):
            score[window, :valid] = own[:valid]
            align[window, :valid] = cosine_logits(rows[:valid], classes[window])
        if (differs := self._differs(weighted, pooled, extents)).any():
            whole = self._branches(features[differs], lengths[differs], text)
            score[differs], align[differs] = whole.score, whole.align
        return SegmentLogits(score=score, align=align)

    def _differs(
        self, weighted: Float[Tensor, "computed d"], pooled: Float[Tensor, "b d"], extents: Extents
    ) -> Bool[Tensor, " b"]:
        """Return which windows end before their end otherwise than an empty one, as pooled.

        The rows after the last computed one add up to two or three times its difference.
        """
        last = torch.tensor(list(accumulate(extents.computed))) - 1
        places = torch.tensor(extents.computed) - 1
        gap = (weighted[last] - self._empty[places]).norm(dim=-1)
        allowed = 2 * torch.finfo(weighted.dtype).eps * pooled.norm(dim=-1)
        return (gap > allowed) & (places < self.window - 1)


def pool_video(
    video: Float[Tensor, "b t d"], score_logits: Float[Tensor, "b t"]
) -> Float[Tensor, "b d"]:
    """Return the sum of each sample's segments weighted by their raw logits.

    Raw means neither a softmax nor a sigmoid, so weights may be negative, and padding takes part.
    """
    return (score_logits.unsqueeze(1) @ video).squeeze(1)


def move_text(text: Float[Tensor, "k d"], pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b k d"]:
    """Return class texts plus one unit vector a sample, in the direction of its pooled video."""
    return text + functional.normalize(pooled, dim=-1).unsqueeze(1)


def cosine_logits(
    x: Float[Tensor, "*n d"], classes: Float[Tensor, "*b k d"]
) -> Float[Tensor, "*n k"]:
    """Return the cosine of every row of ``x`` and every class, divided by the temperature."""
    cosine = functional.normalize(x, dim=-1) @ functional.normalize(classes, dim=-1).mT
    return cosine / COSINE_TEMPERATURE
