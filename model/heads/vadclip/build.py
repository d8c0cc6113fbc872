"""VadCLIP built from settings: the only place where a configuration becomes modules."""

from __future__ import annotations

from collections.abc import Sequence

from model.heads.branches import DualBranch
from model.heads.temporal import VideoEncoder
from model.heads.text_tower import TextTower
from model.heads.vadclip.config import VadclipConfig
from model.heads.vadclip.model import Vadclip
from model.heads.vadclip.text import PromptedTextEncoder


def build_vadclip(
    config: VadclipConfig, tower: TextTower, prompts: Sequence[Sequence[str]]
) -> Vadclip:
    """Return a freshly initialised model; seed torch's generator before for a reproducible one.

    Raises:
        ValueError: The settings contradict each other, the prompts or the tower.
    """
    if len(prompts) != config.classes:
        raise ValueError(f"got prompts of {len(prompts)} classes, expected {config.classes}")
    if tower.output_width != config.width:
        raise ValueError(
            f"got CLIP text features of width {tower.output_width}, expected the video's "
            f"{config.width}: VadCLIP compares the two as they are"
        )
    around = (config.tokens_before, config.tokens_after) if config.learned_prompts else None
    return Vadclip(
        build_branches(config),
        PromptedTextEncoder(tower, prompts, around),
        separation_weight=config.separation_weight,
        decays=config.decays,
        fine_selection=config.fine_selection,
    )


def build_branches(config: VadclipConfig) -> DualBranch:
    """Return the part that scores depend on, freshly initialised; errors as above."""
    video = VideoEncoder(
        width=config.width,
        window=config.window,
        layers=config.temporal_layers,
        span=config.attention_window,
    )
    return DualBranch(video, visual_prompt=config.visual_prompt)
