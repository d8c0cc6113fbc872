"""The video encoder for scoring: padding is computed once, and not anew for every window.

Padding is an input like any other (see ``temporal``), so no window can be cut short. But soon after
its last segment a window holds what an empty one holds there: attention ends with its group, a
residual two rows on, and along the distance graph a row counts 1/e every e rows. So windows go on
to where they no longer differ from an empty one, and their rows pass the dense layers together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from model.heads.layers import quick_gelu
from model.heads.temporal import RESIDUAL_REACH, GraphLayer, VideoEncoder, similarity_graph

REACH = 40
"""Rows past the last group of segments that are computed: exp(-40 / e) is 4e-7. With 32, pooled
videos of random models differed by up to 2e-6, with 40 by rounding alone."""


class Extents:
    """How many rows of each window are segments, in a group with one, and computed.

    ``touched`` counts those that a residual takes from filled groups.
    """

    def __init__(self, lengths: Sequence[int], window: int, span: int) -> None:
        self.valid = list(lengths)
        self.filled = [-(-length // span) * span for length in lengths]
        self.touched = [min(rows + RESIDUAL_REACH, window) for rows in self.filled]
        self.computed = [min(rows + REACH, window) for rows in self.filled]


@dataclass(frozen=True, slots=True)
class _EmptyWindow:
    """What the rows of a window without segments hold, where no row draws on one like it.

    ``attended`` goes on with the zeros past the window's end. ``products`` are those of the two
    layers on the distance graph, ``mixed`` the same mixed along it, ``residual`` is the first's.
    """

    attended: Float[Tensor, "more d"]
    alike: Float[Tensor, "t h"]
    residual: Float[Tensor, "t h"]
    products: tuple[Float[Tensor, "t h"], Float[Tensor, "t h"]]
    mixed: tuple[Float[Tensor, "t h"], Float[Tensor, "t h"]]
    video: Float[Tensor, "t d"]


class UnpaddedEncoder:
    """A video encoder on a processor, with the weights it has now: they must not change."""

    def __init__(self, video: VideoEncoder) -> None:
        self._video = video
        self._window = len(video.position)
        self._similarity = _graph_layers(video.similarity)
        self._distance = _graph_layers(video.distance)
        self._empty = self._make_empty_window()

    @property
    def empty(self) -> Float[Tensor, "t d"]:
        """The video features of a window without segments."""
        return self._empty.video

    def extents(self, lengths: Sequence[int]) -> Extents:
        """Return the extents of windows that have so many segments, 1 to T each."""
        return Extents(lengths, self._window, self._video.span)

    @torch.no_grad()
    def __call__(
        self, features: Float[Tensor, "b t d"], extents: Extents
    ) -> Float[Tensor, "computed d"]:
        """Return the video features of the computed rows of all windows, one after another."""
        attended = self._attend(features, extents)
        alike = self._mix_alike(attended, extents)
        near = self._mix_near(attended, extents)
        encoded: Tensor = self._video.merge(torch.cat([alike, near], dim=-1))
        return encoded

    @torch.no_grad()
    def _make_empty_window(self) -> _EmptyWindow:
        graph, (wide, narrow) = self._video.distance_weights, self._distance
        attended = self._video.attend(torch.zeros_like(self._video.position).unsqueeze(0))
        residual = wide.residual(attended.mT).mT[0]
        first = attended[0] @ wide.weight
        near = quick_gelu(graph @ first + residual)
        second = near @ narrow.weight
        mixed = (graph @ first, graph @ second)
        near = quick_gelu(mixed[1] + near)
        alike = quick_gelu(quick_gelu(self._similarity[0].residual(attended.mT).mT[0]))
        return _EmptyWindow(
            attended=functional.pad(attended[0], (0, 0, 0, RESIDUAL_REACH)),
            alike=alike,
            residual=residual,
            products=(first, second),
            mixed=mixed,
            video=self._video.merge(torch.cat([alike, near], dim=-1)),
        )

    def _attend(
        self, features: Float[Tensor, "b t d"], extents: Extents
    ) -> Float[Tensor, "filled d"]:
        """Return the rows of all groups with a segment after the transformer blocks."""
        video = self._video
        placed = zip(features, extents.filled, strict=True)
        x = torch.cat([rows[:filled] + video.position[:filled] for rows, filled in placed])
        x = x.view(-1, video.span, x.shape[-1])
        for block in video.blocks:
            x = block(x)
        return x.flatten(0, 1)

    def _residuals(
        self, layer: GraphLayer, attended: Float[Tensor, "filled d"], extents: Extents
    ) -> list[Float[Tensor, "_ h"]]:
        """Return what a residual makes of each window's touched rows, of all in one convolution.

        Between two windows lie the padding that ends one and the zeros that begin the next.
        """
        zeros = attended.new_zeros(RESIDUAL_REACH, attended.shape[-1])
        pieces: list[Tensor] = []
        for rows in torch.split(attended, extents.filled):
            padding = self._empty.attended[len(rows) :][: 2 * RESIDUAL_REACH]
            pieces += [zeros, torch.cat([rows, padding])]
        found = layer.residual(torch.cat(pieces).mT.unsqueeze(0))[0].mT
        windows = torch.split(found, [len(piece) for piece in pieces])[1::2]
        return [rows[:touched] for rows, touched in zip(windows, extents.touched, strict=True)]

    def _mix_alike(
        self, attended: Float[Tensor, "filled d"], extents: Extents
    ) -> Float[Tensor, "computed h"]:
        """Return the path along the similarity graph, in which padding has no part."""
        wide, narrow = self._similarity
        graphs = [
            similarity_graph(rows[:valid].unsqueeze(0), torch.tensor([valid]))[0]
            for rows, valid in zip(
                torch.split(attended, extents.filled), extents.valid, strict=True
            )
        ]
        residuals = self._residuals(wide, attended, extents)
        products = torch.split(attended @ wide.weight, extents.filled)
        alike = quick_gelu(_with_mixed(residuals, graphs, products))
        products = torch.split(alike @ narrow.weight, extents.touched)
        alike = quick_gelu(_with_mixed(torch.split(alike, extents.touched), graphs, products))
        return _filled_up(torch.split(alike, extents.touched), self._empty.alike, extents.computed)

    def _mix_near(
        self, attended: Float[Tensor, "filled d"], extents: Extents
    ) -> Float[Tensor, "computed h"]:
        """Return the path along the distance graph."""
        wide, narrow = self._distance
        residuals = self._residuals(wide, attended, extents)
        near = _filled_up(residuals, self._empty.residual, extents.computed)
        products = torch.split(attended @ wide.weight, extents.filled)
        near = quick_gelu(self._with_differences(torch.split(near, extents.computed), 0, products))
        products = torch.split(near @ narrow.weight, extents.computed)
        return quick_gelu(self._with_differences(torch.split(near, extents.computed), 1, products))

    def _with_differences(
        self, residuals: Sequence[Tensor], layer: int, products: Sequence[Tensor]
    ) -> Float[Tensor, "computed h"]:
        """Return residuals plus products mixed along the distance graph, to the window's end.

        That is what an empty window's come to, plus what the differences from them come to, of
        which rows without any may be left out.
        """
        graph = self._video.distance_weights
        empty, mixed = self._empty.products[layer], self._empty.mixed[layer]
        pairs = list(zip(residuals, products, strict=True))
        return _with_mixed(
            [rows + mixed[: len(rows)] for rows in residuals],
            [graph[: len(rows), : len(own)] for rows, own in pairs],
            [own - empty[: len(own)] for own in products],
        )


def _filled_up(
    windows: Sequence[Tensor], empty: Float[Tensor, "t h"], lengths: Sequence[int]
) -> Float[Tensor, "computed h"]:
    """Return the rows of all windows, each continued with the empty window's to its length."""
    pairs = zip(windows, lengths, strict=True)
    return torch.cat([part for rows, n in pairs for part in (rows, empty[len(rows) : n])])


def _with_mixed(
    windows: Sequence[Tensor], graphs: Sequence[Tensor], products: Sequence[Tensor]
) -> Float[Tensor, "rows h"]:
    """Return the rows of all windows, to each one's first ones added its graph times products."""
    found = torch.cat(list(windows))
    sizes = [len(rows) for rows in windows]
    for rows, graph, own in zip(torch.split(found, sizes), graphs, products, strict=True):
        rows[: len(graph)] += graph @ own[: graph.shape[1]]
    return found


def _graph_layers(layers: nn.ModuleList) -> tuple[GraphLayer, GraphLayer]:
    wide, narrow = layers
    assert isinstance(wide, GraphLayer)
    assert isinstance(narrow, GraphLayer)
    return wide, narrow
