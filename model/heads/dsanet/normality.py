"""Self-guided normality modelling, SG-NM: learn what normal looks like and reconstruct from it.

The segments that the coarse branch trusts most to be normal are condensed into prototypes, and the
video is rebuilt from these alone. For training only: scores do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.heads.layers import Mlp

NORM_EPSILON = 1e-8
"""Of every LayerNorm in this branch; 1e-5 changes reconstructions by 3 % (reference behaviour)."""


class CrossAttention(nn.Module):
    """Projections that both kinds of attention of this branch share."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"got width {width}, expected a multiple of the {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def split(
        self, queries: Float[Tensor, "b n d"], keys: Float[Tensor, "b m d"]
    ) -> Iterator[Float[Tensor, "b h _ e"]]:
        """Return query, key and value, each split into heads."""
        projected = (self.query(queries), *self.key_value(keys).chunk(2, dim=-1))
        return (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in projected)

    def join(self, attended: Float[Tensor, "b h n e"]) -> Float[Tensor, "b n d"]:
        """Return the heads side by side after the output projection."""
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out


class _Block(nn.Module):
    """What both kinds of block are made of; queries and keys pass the same LayerNorm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.attention = CrossAttention(width, heads)
        self.mlp_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.mlp = Mlp(width, activation=functional.gelu)


class AggregationBlock(_Block):
    """Lets prototypes gather what the selected normal segments have in common."""

    def forward(
        self, prototypes: Float[Tensor, "b p d"], segments: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b p d"]:
        """Return the prototypes of each sample."""
        norm = self.attention_norm
        query, key, value = self.attention.split(norm(prototypes), norm(segments))
        attended = functional.scaled_dot_product_attention(query, key, value)
        prototypes = prototypes + self.attention.join(attended)
        return prototypes + self.mlp(self.mlp_norm(prototypes))


class PrototypeBlock(_Block):
    """Rewrites every segment as a combination of prototypes.

    Weights are rectified cosines and not a softmax, so a segment that no prototype resembles gets
    nothing; and the result replaces the segment, without a residual, so nothing leaks past.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.scale = nn.Parameter(torch.ones(heads, 1, 1))

    def forward(
        self, x: Float[Tensor, "b t d"], prototypes: Float[Tensor, "b p d"]
    ) -> Float[Tensor, "b t d"]:
        """Return segments made of ``prototypes``."""
        norm = self.attention_norm
        query, key, value = self.attention.split(norm(x), norm(prototypes))
        cosine = functional.normalize(query, dim=-1) @ functional.normalize(key, dim=-1).mT
        x = self.attention.join(functional.relu(cosine * self.scale) @ value)
        return x + self.mlp(self.mlp_norm(x))


class Normality(NamedTuple):
    """What SG-NM gives: the video rebuilt [B,T,D], zero where it was not, and the gather loss."""

    reconstruction: Tensor
    gather_loss: Tensor


class NormalityModel(nn.Module):
    """The whole SG-NM branch.

    It has P ``prototypes`` and ``depth`` prototype blocks; ``normal_ratio`` in (0, 1] is the share
    of a window's segments that are selected.

    Raises:
        ValueError: ``width`` is not a multiple of ``heads``.
    """

    def __init__(
        self, width: int, prototypes: int, depth: int, heads: int, normal_ratio: float
    ) -> None:
        super().__init__()
        self.normal_ratio = normal_ratio
        self.prototypes = nn.Parameter(torch.randn(prototypes, width))
        self.aggregation = AggregationBlock(width, heads)
        self.bottleneck = Mlp(width)
        self.decoder = nn.ModuleList(PrototypeBlock(width, heads) for _ in range(depth))
        self.apply(_initialise_linear)

    def select(self, score_logits: Float[Tensor, "b t"]) -> Int[Tensor, "b n"]:
        """Return the indices of the ⌊T·ratio⌋ segments of each sample that look most normal.

        Padding competes. The order within a sample is not defined.
        """
        # By logit: sigmoids order alike, but in float32 they are equal from about 17 on.
        count = int(score_logits.shape[1] * self.normal_ratio)
        return score_logits.topk(count, dim=1, largest=False, sorted=False).indices

    def aggregate(self, normal: Float[Tensor, "b n d"]) -> Float[Tensor, "b p d"]:
        """Return each sample's own prototypes from its selected segments."""
        shared = self.prototypes.expand(normal.shape[0], -1, -1)
        gathered: Tensor = self.aggregation(shared, normal)
        return gathered

    def forward(
        self,
        video: Float[Tensor, "b t d"],
        score_logits: Float[Tensor, "b t"],
        rebuilt: int | None = None,
    ) -> Normality:
        """Select, aggregate, and reconstruct the first ``rebuilt`` segments, by default all.

        Neither the choice nor the chosen features carry a gradient: what is normal is read off the
        coarse branch, which must not learn to make it easy. Segments are rebuilt independently.
        """
        chosen = self.select(score_logits).unsqueeze(-1)
        normal = torch.take_along_dim(video, chosen, dim=1).detach()
        prototypes = self.aggregate(normal)
        x = self.bottleneck(video[:, :rebuilt])
        for block in self.decoder:
            x = block(x, prototypes)
        x = functional.pad(x, (0, 0, 0, video.shape[1] - x.shape[1]))
        return Normality(x, gather_loss(normal, prototypes))


def gather_loss(
    normal: Float[Tensor, "b n d"], prototypes: Float[Tensor, "b p d"]
) -> Float[Tensor, ""]:
    """Return the mean over segments of 1 - cosine to the nearest prototype."""
    cosine = functional.normalize(normal, dim=-1) @ functional.normalize(prototypes, dim=-1).mT
    return (1 - cosine.amax(dim=-1)).mean()


def _initialise_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.01, a=-0.03, b=0.03)
        nn.init.zeros_(module.bias)
