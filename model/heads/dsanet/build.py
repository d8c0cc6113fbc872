"""DSANet built from settings: the only place where a configuration becomes modules."""

from __future__ import annotations

from collections.abc import Sequence

from model.heads.dsanet.config import ModelConfig
from model.heads.dsanet.model import Dsanet
from model.heads.dsanet.normality import NormalityModel
from model.heads.dsanet.temporal import VideoEncoder
from model.heads.dsanet.text import TextAdapter, TextEncoder
from model.heads.dsanet.text_tower import TextTower


def build_text_encoder(
    config: ModelConfig, tower: TextTower, prompts: Sequence[Sequence[str]]
) -> TextEncoder:
    """Return the text branch, its adapters freshly initialised.

    Raises:
        ValueError: The settings contradict the prompts or the tower.
    """
    if len(prompts) != config.classes:
        raise ValueError(f"got prompts of {len(prompts)} classes, expected {config.classes}")
    if not config.text_adapter:
        projected = tower.output_width
        if projected != config.width:
            raise ValueError(
                f"got CLIP text features of width {projected}, expected the video's "
                f"{config.width}: without a text adapter nothing turns one into the other"
            )
        return TextEncoder(tower, prompts, adapter=None)
    adapter = TextAdapter(
        text_width=tower.width,
        width=config.width,
        blocks=config.adapted_blocks,
        mix=config.adapter_mix,
    )
    return TextEncoder(tower, prompts, adapter)


def build_dsanet(config: ModelConfig, text: TextEncoder | None) -> Dsanet:
    """Return a freshly initialised model; seed torch's generator before for a reproducible one.

    Raises:
        ValueError: The settings contradict each other.
    """
    video = VideoEncoder(
        width=config.width,
        window=config.window,
        layers=config.temporal_layers,
        span=config.attention_window,
    )
    normality = None
    if config.normality:
        normality = NormalityModel(
            width=config.width,
            prototypes=config.prototypes,
            depth=config.decoder_depth,
            heads=config.heads,
            normal_ratio=config.normal_ratio,
        )
    return Dsanet(video, text, normality, alignment=config.alignment)
