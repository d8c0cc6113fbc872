"""DSANet built from settings: the only place where a configuration becomes modules."""

from __future__ import annotations

from collections.abc import Sequence

from model.heads.branches import DualBranch
from model.heads.dsanet.config import DsanetConfig
from model.heads.dsanet.model import Dsanet
from model.heads.dsanet.normality import NormalityModel
from model.heads.dsanet.optim import Warmup
from model.heads.dsanet.text import TextAdapter, TextEncoder
from model.heads.temporal import VideoEncoder
from model.heads.text_tower import TextTower


def build_dsanet(
    config: DsanetConfig, tower: TextTower, prompts: Sequence[Sequence[str]]
) -> Dsanet:
    """Return a freshly initialised model; seed torch's generator before for a reproducible one.

    Raises:
        ValueError: The settings contradict each other, the prompts or the tower.
    """
    # In this order, which a seed's starting weights depend on.
    text = _build_text_encoder(config, tower, prompts)
    video = _build_video_encoder(config)
    normality = None
    if config.normality:
        normality = NormalityModel(
            width=config.width,
            prototypes=config.prototypes,
            depth=config.decoder_depth,
            heads=config.heads,
            normal_ratio=config.normal_ratio,
        )
    return Dsanet(
        DualBranch(video),
        text,
        normality,
        alignment=config.alignment,
        align_weight=config.align_weight,
        warmup=Warmup(config.warmup_steps, config.schedule_steps),
    )


def build_branches(config: DsanetConfig) -> DualBranch:
    """Return the part that scores depend on, freshly initialised; errors as above."""
    return DualBranch(_build_video_encoder(config))


def _build_video_encoder(config: DsanetConfig) -> VideoEncoder:
    return VideoEncoder(
        width=config.width,
        window=config.window,
        layers=config.temporal_layers,
        span=config.attention_window,
    )


def _build_text_encoder(
    config: DsanetConfig, tower: TextTower, prompts: Sequence[Sequence[str]]
) -> TextEncoder:
    if len(prompts) != config.classes:
        raise ValueError(f"got prompts of {len(prompts)} classes, expected {config.classes}")
    adapter = None
    if config.text_adapter:
        blocks, mix = config.adapted_blocks, config.adapter_mix
        adapter = TextAdapter(tower.width, config.width, blocks=blocks, mix=mix)
    elif tower.output_width != config.width:
        raise ValueError(
            f"got CLIP text features of width {tower.output_width}, expected the video's "
            f"{config.width}: without a text adapter nothing turns one into the other"
        )
    return TextEncoder(tower, prompts, adapter)
