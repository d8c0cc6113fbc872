"""The two-layer perceptron that the branches of heads are made of, and CLIP's activation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


def quick_gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return ``x · sigmoid(1.702 x)``, the approximation of GELU that CLIP was trained with."""
    return x * torch.sigmoid(1.702 * x)


class Mlp(nn.Module):
    """Linear D→4D, an activation, Linear 4D→D."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor] = quick_gelu) -> None:
        super().__init__()
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x: Float[Tensor, "*shape d"]) -> Float[Tensor, "*shape d"]:
        """Return the transformed rows; a residual is the caller's business."""
        contracted: Tensor = self.contract(self.activation(self.expand(x)))
        return contracted
