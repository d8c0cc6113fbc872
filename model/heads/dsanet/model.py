"""DSANet: segment features to anomaly and class logits (Yin et al., AAAI 2026, arXiv 2511.10334).

Composes the branches, one file each, and says how they are trained.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.device import can_sync
from model.heads.base import Head, Schedule, ScheduledOptimiser
from model.heads.branches import DualBranch, cosine_logits
from model.heads.dsanet.losses import DsanetOutput
from model.heads.dsanet.normality import NormalityModel
from model.heads.dsanet.optim import Warmup, build_optimisers
from model.heads.dsanet.probabilities import class_probabilities
from model.heads.dsanet.text import TextEncoder

DISENTANGLING_SHARPNESS = 10.0
"""How steeply event and background weights grow with the score (reference behaviour)."""


class Dsanet(Head):
    """The whole model in training; ``build_dsanet`` puts one together from settings.

    Args:
        branches: Encode and score segments.
        text: Encodes classes.
        normality: SG-NM; None leaves it out.
        alignment: Whether event and background features are made.
        align_weight: Of the alignment loss; not applied without SG-NM, as in the published runs.
        warmup: Of SG-NM's optimiser.
    """

    def __init__(
        self,
        branches: DualBranch,
        text: TextEncoder,
        normality: NormalityModel | None,
        *,
        alignment: bool,
        align_weight: float,
        warmup: Warmup,
    ) -> None:
        super().__init__()
        self.branches: DualBranch = branches
        self.distribution = class_probabilities
        self.text = text
        self.normality = normality
        self.alignment = alignment
        self.loss_weights = {"align": 1.0 if normality is None else align_weight}
        self._warmup = warmup

    def class_texts(self) -> Float[Tensor, "k d"]:
        """Return the class features [K,D] of norm 1."""
        text: Tensor = self.text()
        return text

    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
        *,
        rebuild_padding: bool = False,
    ) -> DsanetOutput:
        """Return what the losses need.

        Features are zero beyond each sample's length, 1 to T: padding is an input like any other to
        all but the similarity graph. No loss asks for ``rebuild_padding``: that SG-NM reconstructs
        padding too.
        """
        branches = self.branches
        video = branches.video(features, lengths)
        score_logits = branches.score(video)
        event_logits = background_logits = None
        if self.alignment:
            event, background = disentangle(video, score_logits)
            event_logits = cosine_logits(event, text)
            background_logits = cosine_logits(background, text)
        reconstruction = gather_loss = None
        if self.normality is not None:
            trimmed = not rebuild_padding and can_sync(lengths)
            rebuilt = int(lengths.max()) if trimmed else None
            reconstruction, gather_loss = self.normality(video, score_logits, rebuilt)
        return DsanetOutput(
            score_logits=score_logits,
            align_logits=branches.align(video, score_logits, text),
            text=text,
            video=video,
            event_logits=event_logits,
            background_logits=background_logits,
            reconstruction=reconstruction,
            gather_loss=gather_loss,
        )

    def optimisers(self, schedule: Schedule) -> tuple[ScheduledOptimiser, ...]:
        """Return AdamW for all but SG-NM, and StableAdamW for that."""
        branch = [] if self.normality is None else list(self.normality.parameters())
        in_branch = {id(parameter) for parameter in branch}
        rest = [p for p in self.parameters() if p.requires_grad and id(p) not in in_branch]
        return build_optimisers(rest, branch, schedule, self._warmup)

    def learned_parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the learned modules, each with what checkpoints put before its names."""
        yield "", self.branches
        if self.text.adapter is not None:
            yield "text.adapter.", self.text.adapter
        if self.normality is not None:
            yield "normality.", self.normality


def disentangle(
    video: Float[Tensor, "b t d"], score_logits: Float[Tensor, "b t"]
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
    """Return the event and the background feature of each sample (the paper's DCSA).

    Both are averages over all T segments, padding included, weighted exponentially by the
    probability of being anomalous and of being normal.
    """
    abnormal = score_logits.sigmoid()
    weights = torch.stack([abnormal, 1 - abnormal], dim=1)  # b 2 t
    weights = functional.normalize(torch.expm1(DISENTANGLING_SHARPNESS * weights), p=1, dim=-1)
    event, background = (weights @ video).unbind(dim=1)
    return event, background
