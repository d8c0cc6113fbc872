"""Zero-shot CLIP: segments against class texts, with nothing learned in between.

No head, since there is nothing to train; it scores as a head does, so that all that scores or
evaluates takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import avg_pool1d, normalize

from model.heads.segment_scorer import ScoringKind, SegmentBranches, SegmentLogits, Temperatures
from model.heads.text_tower import TextTower, averaging
from stores.ranges import Count, PositiveAmount, Size

TEMPLATES = (
    "{}",
    "a photo of {}.",
    "a video of {}.",
    "a frame of a video that shows {}.",
    "surveillance footage of {}.",
    "a blurry picture of {} by a security camera.",
    "a scene of {}, seen from above.",
)
"""The sentences of an ensemble; ``{}`` takes a class's text."""


@dataclass(frozen=True, slots=True)
class ZeroShotConfig:
    """What zero-shot scores depend on besides the texts.

    ``scale`` is what CLIP multiplies cosines by before it makes probabilities of them. Cosines are
    means over a segment and ``reach`` neighbours on either side, within a window of segments.
    """

    width: Size
    classes: Size
    scale: PositiveAmount
    reach: Count = 2
    window: Size = 256


class ZeroShotBranches(SegmentBranches):
    """Cosines of segments with class texts, smoothed and scaled; there are no parameters."""

    def __init__(self, scale: float, reach: int, window: int) -> None:
        super().__init__()
        self.window = window
        self._scale = scale
        self._reach = reach

    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> SegmentLogits:
        """Return the logits of B windows; a score's is that of all anomalies against normal."""
        cosines = normalize(features.float(), dim=-1) @ normalize(text.float(), dim=-1).T
        valid = torch.arange(features.shape[1], device=features.device) < lengths[:, None]
        align = self._scale * self._smooth(cosines, valid.float())
        return SegmentLogits(align[..., 1:].logsumexp(dim=-1) - align[..., 0], align)

    def _smooth(
        self, cosines: Float[Tensor, "b t k"], valid: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b t k"]:
        """Return the mean over valid neighbours; the same divisor cancels out of both pools."""
        width, reach = 2 * self._reach + 1, self._reach
        weights = valid[:, None]
        sums = avg_pool1d(cosines.transpose(1, 2) * weights, width, stride=1, padding=reach)
        counts = avg_pool1d(weights, width, stride=1, padding=reach)
        return (sums / counts.clamp(min=1 / (width + 1))).transpose(1, 2)


def class_features(
    tower: TextTower, prompts: Sequence[Sequence[str]], templates: Sequence[str] = ("{}",)
) -> Float[Tensor, "k d"]:
    """Return the feature of each class, of length 1: the mean of its texts in all templates.

    Each text counts by its direction alone, as in CLIP's own ensembles.

    Raises:
        ValueError: A class without a text, or a text that is too long for the tower.
    """
    filled = [
        [template.replace("{}", text) for text in own for template in templates] for own in prompts
    ]
    average = averaging(filled)
    features = tower.features([text for own in filled for text in own])
    return normalize(average @ normalize(features, dim=-1), dim=-1)


def build_branches(config: ZeroShotConfig) -> ZeroShotBranches:
    """Return the branches of a configuration."""
    return ZeroShotBranches(config.scale, config.reach, config.window)


def class_probabilities(
    score_logits: Float[Tensor, "*n"],
    align_logits: Float[Tensor, "*n k"],
    temperatures: Temperatures,
) -> Float[Tensor, "*n k"]:
    """Return CLIP's own softmax over classes; a calibrated score shares itself out in proportion.

    Class 0 is normal, and its probability is what the score leaves.
    """
    abnormal = torch.sigmoid(score_logits / (temperatures.score or 1.0)).unsqueeze(-1)
    shares = torch.softmax(align_logits[..., 1:] / temperatures.classes, dim=-1)
    return torch.cat([1 - abnormal, abnormal * shares], dim=-1)


def redistribute(
    score_logits: NDArray[np.float64], probabilities: NDArray[np.float64], now: Temperatures
) -> NDArray[np.float64]:
    """Return the probabilities [F,K] of another score temperature; anomalies keep their shares."""
    abnormal = expit(score_logits / (now.score or 1.0))[:, None]
    anomalies = probabilities[:, 1:]
    shares = anomalies / np.maximum(anomalies.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.concatenate([1 - abnormal, abnormal * shares], axis=1)


KIND = ScoringKind(
    name="zero_shot",
    config=ZeroShotConfig,
    build_branches=build_branches,
    distribution=class_probabilities,
    redistribute=redistribute,
)
