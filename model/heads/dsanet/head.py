"""DSANet as the rest of the system knows it."""

from __future__ import annotations

from dataclasses import replace

from model.heads.base import HeadKind, check_choice
from model.heads.dsanet.build import build_branches, build_dsanet
from model.heads.dsanet.config import PRESETS, DsanetConfig
from model.heads.dsanet.import_weights import import_published, recognises
from model.heads.dsanet.probabilities import class_probabilities, redistribute
from model.training.config import TrainConfig

PARTS = ("normality", "alignment", "text_adapter")


def configure(
    preset: str,
    *,
    width: int | None = None,
    classes: int | None = None,
    left_out: frozenset[str] = frozenset(),
    published: bool = True,
) -> tuple[DsanetConfig, TrainConfig]:
    """Return the settings of a preset for some features and classes, as :class:`HeadKind` says.

    The published UCF-Crime schedule is twice too long by mistake; only ``published`` repeats it.

    Raises:
        ValueError: Unknown preset, or a part that DSANet does not have.
    """
    check_choice(preset, PRESETS, left_out, PARTS)
    config, training = PRESETS[preset]
    config = replace(
        config,
        width=width or config.width,
        classes=classes or config.classes,
        schedule_steps=config.schedule_steps if published else None,
        **dict.fromkeys(left_out, False),
    )
    return config, training


HEAD = HeadKind(
    name="dsanet",
    config=DsanetConfig,
    presets=tuple(PRESETS),
    parts=PARTS,
    configure=configure,
    build=build_dsanet,
    build_branches=build_branches,
    distribution=class_probabilities,
    redistribute=redistribute,
    recognises=recognises,
    import_weights=import_published,
)
