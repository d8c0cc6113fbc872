"""From segment features to scores: the part of a head that outlives its training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class SegmentLogits:
    """``score`` [B,T], how anomalous a segment is, and ``align`` [B,T,K], how like each class."""

    score: Float[Tensor, "b t"]
    align: Float[Tensor, "b t k"]


class SegmentScores(NamedTuple):
    """The anomaly score of each segment [B,T] in [0, 1] and its class probabilities [B,T,K]."""

    score: Tensor
    probabilities: Tensor


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What logits are divided by before they become probabilities.

    ``classes`` goes for both branches, as published. ``score`` is a calibrated model's own for the
    score, which is then the probability of an anomaly; None leaves scores as published.
    """

    classes: float
    score: float | None = None


Distribution = Callable[
    [Float[Tensor, "b t"], Float[Tensor, "b t k"], Temperatures], Float[Tensor, "b t k"]
]
"""Score and alignment logits to class probabilities, class 0 being normal."""

Redistribution = Callable[
    [NDArray[np.float64], NDArray[np.float64], Temperatures], NDArray[np.float64]
]
"""Score logits [F] and the class probabilities [F,K] that one temperature of the score made to the
class probabilities that these temperatures make; the classes' own is the same."""


class SegmentBranches(nn.Module, ABC):
    """The part of a head that scores depend on: ``window`` segments T and class texts to logits."""

    window: int

    @abstractmethod
    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> SegmentLogits:
        """Return the logits of B windows, padding included."""

    def frozen(self) -> SegmentBranches:
        """Return what gives valid segments the same logits as long as no weight changes.

        It may be quicker; logits of padding are worth nothing. Here the branches themselves.
        """
        return self


Config = TypeVar("Config")
"""The record of a head's shape, a ``HeadConfig``."""


@dataclass(frozen=True, slots=True)
class ScoringKind(Generic[Config]):
    """How scores come about, by its name: of a head, or of what scores and is never trained.

    Attributes:
        name: What checkpoints state.
        config: The record that holds its shape.
        build_branches: Returns the branches of a configuration without anything else.
        distribution: From logits to class probabilities.
        redistribute: From class probabilities to those of another temperature of the score.
    """

    name: str
    config: type[Config]
    build_branches: Callable[[Config], SegmentBranches]
    distribution: Distribution
    redistribute: Redistribution


class SegmentScorer(nn.Module):
    """Windows of segment features to scores: what scoring runs, and what is compiled or exported.

    It needs neither CLIP nor what serves training alone: the class texts [K,D] are a buffer.
    ``branches`` may be shared with a head in training, whose weights it then follows.
    """

    def __init__(
        self,
        branches: SegmentBranches,
        text: Float[Tensor, "k d"],
        distribution: Distribution,
        temperatures: Temperatures,
    ) -> None:
        super().__init__()
        self.branches = branches
        self.window = branches.window
        self.text = nn.Buffer(text.detach().clone())
        self._distribution = distribution
        self._temperatures = temperatures

    @property
    def device(self) -> torch.device:
        """Where inputs have to lie."""
        return self.text.device

    def forward(
        self, features: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"]
    ) -> SegmentScores:
        """Return the scores of B windows, padding included; ``lengths`` counts valid segments."""
        logits = self.branches(features, lengths, self.text)
        score, align = logits.score.float(), logits.align.float()
        return SegmentScores(
            score=(score / (self._temperatures.score or 1.0)).sigmoid(),
            probabilities=self._distribution(score, align, self._temperatures),
        )

    def frozen(self) -> SegmentScorer:
        """Return what scores valid segments alike as long as nothing changes, maybe more quickly.

        Nothing is said of padding.
        """
        return SegmentScorer(
            self.branches.frozen(), self.text, self._distribution, self._temperatures
        )

    @torch.no_grad()
    def set_text(self, text: Float[Tensor, "k d"]) -> None:
        """Take other class texts in place, as those that moved in training."""
        self.text.copy_(text)
