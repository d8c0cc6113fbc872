"""VadCLIP as the rest of the system knows it."""

from __future__ import annotations

from dataclasses import replace

from model.heads.base import HeadKind, check_choice
from model.heads.vadclip.build import build_branches, build_vadclip
from model.heads.vadclip.config import PRESETS, VadclipConfig
from model.heads.vadclip.import_weights import import_published, recognises
from model.heads.vadclip.probabilities import class_probabilities, redistribute
from model.training.config import TrainConfig

PARTS = ("learned_prompts", "visual_prompt")


def configure(
    preset: str,
    *,
    width: int | None = None,
    classes: int | None = None,
    left_out: frozenset[str] = frozenset(),
    published: bool = True,
) -> tuple[VadclipConfig, TrainConfig]:
    """Return the settings of a preset for some features and classes, as :class:`HeadKind` says.

    ``published`` changes nothing: the settings of the published runs have no oddity.

    Raises:
        ValueError: Unknown preset, or a part that VadCLIP does not have.
    """
    check_choice(preset, PRESETS, left_out, PARTS)
    config, training = PRESETS[preset]
    config = replace(
        config,
        width=width or config.width,
        classes=classes or config.classes,
        learned_prompts="learned_prompts" not in left_out,
        visual_prompt="visual_prompt" not in left_out,
    )
    return config, training


HEAD = HeadKind(
    name="vadclip",
    config=VadclipConfig,
    presets=tuple(PRESETS),
    parts=PARTS,
    configure=configure,
    build=build_vadclip,
    build_branches=build_branches,
    distribution=class_probabilities,
    redistribute=redistribute,
    recognises=recognises,
    import_weights=import_published,
)
