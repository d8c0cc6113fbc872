"""DSANet: segment features to anomaly and class logits (Yin et al., AAAI 2026, arXiv 2511.10334).

Composes the branches, one file each; nothing here knows of losses, optimisers or videos.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.heads.dsanet.layers import Mlp
from model.heads.dsanet.normality import NormalityModel
from model.heads.dsanet.temporal import VideoEncoder
from model.heads.dsanet.text import AbsentText, TextEncoder

COSINE_TEMPERATURE = 0.07
"""Divides every cosine that serves as a logit (CLIP's own starting value)."""

DISENTANGLING_SHARPNESS = 10.0
"""How steeply event and background weights grow with the score (reference behaviour)."""

_TOWER = "text.tower."


@dataclass(frozen=True, slots=True)
class SegmentLogits:
    """What scoring needs: ``score`` [B,T] and ``align`` [B,T,K], padding included."""

    score: Float[Tensor, "b t"]
    align: Float[Tensor, "b t k"]


@dataclass(frozen=True, slots=True)
class DsanetOutput:
    """What the losses need, for B windows of T segments, padding included.

    ``event_logits`` and ``background_logits`` are None without alignment, ``reconstruction`` and
    ``gather_loss`` without normality.
    """

    score_logits: Float[Tensor, "b t"]
    align_logits: Float[Tensor, "b t k"]
    text: Float[Tensor, "k d"]
    video: Float[Tensor, "b t d"]
    event_logits: Float[Tensor, "b k"] | None
    background_logits: Float[Tensor, "b k"] | None
    reconstruction: Float[Tensor, "b t d"] | None
    gather_loss: Float[Tensor, ""] | None

    def in_float32(self) -> DsanetOutput:
        """Return the same values as float32, which losses are made in whatever the model used."""
        event, background = self.event_logits, self.background_logits
        rebuilt, gather = self.reconstruction, self.gather_loss
        return DsanetOutput(
            score_logits=self.score_logits.float(),
            align_logits=self.align_logits.float(),
            text=self.text.float(),
            video=self.video.float(),
            event_logits=None if event is None else event.float(),
            background_logits=None if background is None else background.float(),
            reconstruction=None if rebuilt is None else rebuilt.float(),
            gather_loss=None if gather is None else gather.float(),
        )


class Dsanet(nn.Module):
    """The whole model; ``build_dsanet`` puts one together from settings.

    Args:
        video: Encodes segments.
        text: Encodes classes; None for a model that only scores, given class texts.
        normality: SG-NM; None leaves it out.
        alignment: Whether event and background features are made.
    """

    def __init__(
        self,
        video: VideoEncoder,
        text: TextEncoder | None,
        normality: NormalityModel | None,
        alignment: bool,
    ) -> None:
        super().__init__()
        width = video.position.shape[1]
        self.video = video
        self.text = AbsentText() if text is None else text
        self.normality = normality
        self.alignment = alignment
        self.score_mlp = Mlp(width)
        self.score_head = nn.Linear(width, 1)
        self.align_mlp = Mlp(width)

    @property
    def window(self) -> int:
        """T, the number of segments of every input."""
        return self.video.position.shape[0]

    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"] | None = None,
        rebuilt: int | None = None,
    ) -> DsanetOutput:
        """Return everything that training needs.

        Args:
            features: Segment features, zero beyond each sample's length: padding is an input like
                any other to all but the similarity graph.
            lengths: Segments of each sample that are not padding, from 1 to T.
            text: What ``self.text()`` gives, to make it once for several parts of a batch; None
                makes it here.
            rebuilt: Leading segments of each sample that are reconstructed; None is all of them.
                The losses ask for those that are not padding.
        """
        text = self.text() if text is None else text
        video = self.video(features, lengths)
        score_logits = self.score(video)
        event_logits = background_logits = None
        if self.alignment:
            event, background = disentangle(video, score_logits)
            event_logits = cosine_logits(event, text)
            background_logits = cosine_logits(background, text)
        normality = None
        if self.normality is not None:
            normality = self.normality(video, score_logits, rebuilt)
        return DsanetOutput(
            score_logits=score_logits,
            align_logits=self.align(video, score_logits, text),
            text=text,
            video=video,
            event_logits=event_logits,
            background_logits=background_logits,
            reconstruction=None if normality is None else normality.reconstruction,
            gather_loss=None if normality is None else normality.gather_loss,
        )

    def segment_logits(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> SegmentLogits:
        """Return the logits of :meth:`forward` without the branches that no score depends on.

        ``text`` is what ``self.text()`` gives with the present weights. It is the caller's to make,
        and to make again after training: nothing in here is cached, so nothing can be stale.
        """
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
        moved = prompted_text(video, score_logits, text)
        return cosine_logits(video, moved + self.align_mlp(moved))

    def learned_state(self) -> dict[str, Tensor]:
        """Return the state without the frozen text tower, which belongs to CLIP's own weights."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith(_TOWER)}

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`learned_state` gave; the text tower stays as it is.

        Raises:
            RuntimeError: A parameter is missing, unexpected or of another shape; it is named.
        """
        tower = {k: v for k, v in self.state_dict().items() if k.startswith(_TOWER)}
        self.load_state_dict({**state, **tower})


def prompted_text(
    video: Float[Tensor, "b t d"],
    score_logits: Float[Tensor, "b t"],
    text: Float[Tensor, "k d"],
) -> Float[Tensor, "b k d"]:
    """Return class texts plus one unit vector a sample: the video pooled by its raw logits.

    Raw means neither a softmax nor a sigmoid, so weights may be negative, and padding takes part.
    """
    pooled = (score_logits.unsqueeze(1) @ video).squeeze(1)
    return text + functional.normalize(pooled, dim=-1).unsqueeze(1)


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


def cosine_logits(
    x: Float[Tensor, "*n d"], classes: Float[Tensor, "*b k d"]
) -> Float[Tensor, "*n k"]:
    """Return the cosine of every row of ``x`` and every class, divided by the temperature."""
    cosine = functional.normalize(x, dim=-1) @ functional.normalize(classes, dim=-1).mT
    return cosine / COSINE_TEMPERATURE
