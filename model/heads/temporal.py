"""The video encoder: local attention along time, then two graph convolutions side by side.

VadCLIP's (Wu et al., AAAI 2024), which DSANet takes over. Zero padding up to T segments is part of
the function: positions are added to it, attention, the distance graph and the convolutions see it.
Lengths matter to the similarity graph alone.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.device import can_sync
from model.heads.bags import valid_segments
from model.heads.layers import Mlp, quick_gelu

SIMILARITY_THRESHOLD = 0.7
"""Segments that are not more alike than this are no neighbours (reference behaviour)."""

RESIDUAL_REACH = 2
"""How many segments to either side a graph layer's residual sees where it is a convolution."""


def similarity_graph(
    x: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"]
) -> Float[Tensor, "b t t"]:
    """Return how strongly each segment draws on those that resemble it.

    Cosines of at most 0.7 become 0, then each row of a sample's n × n block is a softmax, in which
    the zeros take part. Rows and columns of padding are 0.
    """
    norms = x.norm(dim=-1, keepdim=True)
    cosine = (x @ x.mT) / (norms @ norms.mT + 1e-20)
    neighbours = functional.threshold(cosine, SIMILARITY_THRESHOLD, 0.0)
    valid = valid_segments(lengths, window=x.shape[1])
    weights = neighbours.masked_fill(~valid.unsqueeze(1), -math.inf).softmax(dim=-1)
    return weights * valid.unsqueeze(2)


def distance_graph(window: int) -> Float[Tensor, "t t"]:
    """Return ``exp(-|i - j| / e)`` for every pair of positions; rows are not normalised."""
    positions = torch.arange(window, dtype=torch.float32)
    return torch.exp(-(positions.unsqueeze(1) - positions).abs() / math.e)


class LocalAttention(nn.Module):
    """Single-head attention inside consecutive groups of ``span`` segments, padding included."""

    def __init__(self, width: int, span: int) -> None:
        super().__init__()
        self.span = span
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Attend; T is a multiple of the span."""
        # Groups become the batch, so that no T × T matrix with a mask is ever made.
        groups = self.qkv(x).unflatten(1, (-1, self.span))  # b t/span span 3d
        query, key, value = groups.chunk(3, dim=-1)
        attended = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(attended.flatten(1, 2))
        return out


class TemporalBlock(nn.Module):
    """A pre-norm transformer block over local attention."""

    def __init__(self, width: int, span: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = LocalAttention(width, span)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Return the rows after attention and perceptron, each with its residual."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class GraphLayer(nn.Module):
    """Graph convolution A (x W) + residual(x), then QuickGELU.

    The residual is a convolution along time where the widths differ, the identity where they agree.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        nn.init.xavier_uniform_(self.weight)
        self.residual: nn.Module = nn.Identity()
        if inputs != outputs:
            self.residual = nn.Conv1d(
                inputs, outputs, kernel_size=2 * RESIDUAL_REACH + 1, padding=RESIDUAL_REACH
            )

    def forward(
        self, x: Float[Tensor, "b t d"], graph: Float[Tensor, "*b t t"]
    ) -> Float[Tensor, "b t e"]:
        """Return the rows mixed along ``graph``, one graph for all samples or one for each."""
        return quick_gelu(graph @ (x @ self.weight) + self.residual(x.mT).mT)


class VideoEncoder(nn.Module):
    """Segment features in, video features of the same shape out.

    ``window`` is T, the only length it takes; ``layers`` counts transformer blocks, in which
    ``span`` segments attend to one another.

    Raises:
        ValueError: ``span`` does not divide ``window`` or ``width`` is odd.
    """

    def __init__(self, width: int, window: int, layers: int, span: int) -> None:
        super().__init__()
        if window % span or width % 2:
            raise ValueError(
                f"got window {window}, attention window {span}, width {width}; expected the second "
                "to divide the first and an even width"
            )
        self.span = span
        self.position = nn.Parameter(torch.empty(window, width))
        nn.init.normal_(self.position, std=0.01)
        self.blocks = nn.ModuleList(TemporalBlock(width, span) for _ in range(layers))
        half = width // 2
        self.similarity = nn.ModuleList([GraphLayer(width, half), GraphLayer(half, half)])
        self.distance = nn.ModuleList([GraphLayer(width, half), GraphLayer(half, half)])
        self.merge = nn.Linear(width, width)
        self.distance_weights = nn.Buffer(distance_graph(window), persistent=False)

    def attend(self, segments: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Return segments with their position, after the transformer blocks."""
        x = segments + self.position
        for block in self.blocks:
            x = block(x)
        return x

    def attend_once(self, segments: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Return what :meth:`attend` returns, computing padding once and not for every sample.

        No group of segments sees another here, so a group of zeros depends on its place alone and
        is shared by all samples with zeros there. No gradient flows to zeros themselves.
        """
        batch, _, width = segments.shape
        groups = segments.reshape(batch, -1, self.span, width)
        filled = (groups != 0).flatten(2).any(dim=2)
        shared = ~filled.all(dim=0)
        places = self.position.view(-1, self.span, width)
        x = torch.cat([(groups + places)[filled], places[shared]])
        for block in self.blocks:
            x = block(x)
        count = int(filled.sum())
        source = (count - 1 + shared.cumsum(dim=0)).repeat(batch, 1)
        source[filled] = torch.arange(count)
        return x.index_select(0, source.flatten()).view_as(segments)

    def forward(
        self, segments: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"]
    ) -> Float[Tensor, "b t d"]:
        """Return video features; ``lengths`` counts the segments that are not padding, 1 to T."""
        attended = self.attend_once(segments) if can_sync(segments) else self.attend(segments)
        similarity_weights = similarity_graph(attended, lengths)
        alike = near = attended
        for layer in self.similarity:
            alike = layer(alike, similarity_weights)
        for layer in self.distance:
            near = layer(near, self.distance_weights)
        merged: Tensor = self.merge(torch.cat([alike, near], dim=-1))
        return merged
