"""What the rest of the system knows of a head: the interface of every weakly supervised head.

A head is one folder of this package. Training, scoring, checkpoints and the text side use what is
here; how logits and losses come about is the folder's own. ``load`` finds a head by its folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from model import heads
from model.heads.loss_terms import LossTerms
from model.heads.segment_scorer import (
    Config,
    Distribution,
    ScoringKind,
    SegmentBranches,
    SegmentScorer,
    Temperatures,
)
from model.heads.text_tower import TextTower
from model.training.config import TrainConfig


@runtime_checkable
class HeadConfig(Protocol):
    """The shape of a head: a frozen dataclass of its folder, of which these fields are common."""

    @property
    def width(self) -> int:
        """D, the width of a segment's feature."""

    @property
    def classes(self) -> int:
        """K, the number of classes; class 0 is normal."""

    @property
    def window(self) -> int:
        """T, the segments of one input."""


@runtime_checkable
class ForwardOutput(Protocol):
    """What a head's forward pass gives; only the head looks inside."""

    def loss_terms(self, labels: Float[Tensor, "b k"], lengths: Int[Tensor, " b"]) -> LossTerms:
        """Return the losses in float32, whatever the forward pass computed in.

        ``labels`` are multi-hot, a normal sample having class 0 alone; ``lengths`` count segments
        that are not padding.
        """


class Schedule(NamedTuple):
    """What rates depend on; ``learning_rate`` is the peak."""

    learning_rate: float
    epochs: int
    epoch_steps: int


@dataclass(frozen=True, slots=True)
class ScheduledOptimiser:
    """An optimiser of some parameters; ``rate`` takes epoch and step, both from 0."""

    name: str
    optimiser: torch.optim.Optimizer
    rate: Callable[[int, int], float]

    def step(self, epoch: int, step: int) -> float:
        """Update the parameters at the rate of this step and return the rate."""
        rate = self.rate(epoch, step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return rate


class Head(nn.Module, ABC):
    """A head in training: branches, text side, and whatever else its losses ask for."""

    branches: SegmentBranches
    distribution: Distribution
    """From logits to class probabilities."""
    loss_weights: dict[str, float]
    """Of loss terms by name; 1 for those that are not named."""
    selects_by_fine: bool = False
    """Whether weights are chosen by what the class probabilities leave to anomalies, or the score.
    """

    @abstractmethod
    def class_texts(self) -> Float[Tensor, "k d"]:
        """Return the class features with the weights as they are now."""

    @abstractmethod
    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> ForwardOutput:
        """Return what the losses of B windows need; ``text`` is what :meth:`class_texts` gave."""

    @abstractmethod
    def optimisers(self, schedule: Schedule) -> tuple[ScheduledOptimiser, ...]:
        """Return the optimisers of all that is learned; CLIP's own weights are in none."""

    @abstractmethod
    def learned_parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the learned modules, each with what checkpoints put before its names.

        That is nothing for the branches.
        """

    def scorer(self, temperatures: Temperatures) -> SegmentScorer:
        """Return what scores with these very weights, and with the class texts as they are now."""
        with torch.no_grad():
            text = self.class_texts()
        return SegmentScorer(self.branches, text, self.distribution, temperatures)

    def learned_state(self) -> dict[str, Tensor]:
        """Return what is learned, by the names that checkpoints have, without CLIP's weights."""
        return {
            prefix + name: tensor
            for prefix, part in self.learned_parts()
            for name, tensor in part.state_dict().items()
        }

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`learned_state` gave.

        Raises:
            RuntimeError: A parameter is missing, unexpected or of another shape; it is named.
        """
        if unlike := self.learned_state().keys() ^ state.keys():
            raise RuntimeError(f"missing or unexpected: {', '.join(sorted(unlike))}")
        for prefix, part in self.learned_parts():
            part.load_state_dict({name: state[prefix + name] for name in part.state_dict()})


Prompts = Sequence[Sequence[str]]

_UNTRAINED = ("zero_shot",)  # modules beside this one that score without having been trained


@dataclass(frozen=True, slots=True)
class HeadKind(ScoringKind[Config]):
    """What a head's folder offers, as ``HEAD`` in its module ``head``; ``name`` is the folder's.

    Attributes:
        presets: Names of its settings.
        parts: Parts that an ablation can leave out.
        configure: Returns shape and training settings of a preset. Keywords: ``width`` and
            ``classes``, the preset's own by default; ``left_out``, some of the parts; and
            ``published``, whether oddities of the published runs are repeated, as by default. A
            ValueError names a preset or part that there is not.
        build: Returns a freshly initialised head; seed torch's generator before.
        recognises: Whether the parameter names of a published state dict are this head's.
        import_weights: Returns a published state dict as what ``load_learned_state`` takes and what
            the tower's ``load_state_dict`` takes; a ValueError names what does not fit.
    """

    presets: tuple[str, ...]
    parts: tuple[str, ...]
    configure: Callable[..., tuple[Config, TrainConfig]]
    build: Callable[[Config, TextTower, Prompts], Head]
    recognises: Callable[[Collection[str]], bool]
    import_weights: Callable[
        [Mapping[str, Tensor], Config, Head, TextTower],
        tuple[dict[str, Tensor], dict[str, Tensor]],
    ]


def check_choice(
    preset: str, presets: Collection[str], left_out: Collection[str], parts: Collection[str]
) -> None:
    """Check what a head is configured by against the presets and parts that it has.

    Raises:
        ValueError: There is no such preset or part; the message lists those there are.
    """
    if preset not in presets:
        raise ValueError(f"unknown preset {preset!r}; there are {', '.join(sorted(presets))}")
    if unknown := set(left_out) - set(parts):
        named = ", ".join(sorted(unknown))
        raise ValueError(f"no part {named} to leave out; there are {', '.join(parts)}")


def names() -> list[str]:
    """Return the names of all heads, sorted: every folder beside this module."""
    return sorted(m.name for m in pkgutil.iter_modules(heads.__path__) if m.ispkg)


def load_published(parameters: Collection[str]) -> HeadKind[Any]:
    """Return the head whose published state dicts have such parameter names.

    Where no head knows them it is the default one, which will say what it misses.
    """
    kinds = [load(name) for name in names()]
    return next((kind for kind in kinds if kind.recognises(parameters)), load(heads.DEFAULT))


def load(name: str) -> HeadKind[Any]:
    """Return the head called ``name``.

    Raises:
        ValueError: There is none of that name; the message lists those there are.
    """
    if name not in names():
        raise ValueError(f"unknown head {name!r}; there are {', '.join(names())}")
    kind: HeadKind[Any] = importlib.import_module(f"model.heads.{name}.head").HEAD
    return kind


def load_scoring(name: str) -> ScoringKind[Any]:
    """Return how the head called ``name`` scores, or zero-shot CLIP, which no head is trained for.

    Raises:
        ValueError: As for :func:`load`.
    """
    if name in _UNTRAINED:
        kind: ScoringKind[Any] = importlib.import_module(f"model.heads.{name}").KIND
        return kind
    return load(name)
