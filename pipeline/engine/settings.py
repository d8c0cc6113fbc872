"""What a stage's workers need to know of how videos are read and encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from extract.decoders import Decoder
from extract.recipe import Recipe
from pipeline.engine.decode_worker import Limits
from stores.files.sequences import IMAGE_RATE

if TYPE_CHECKING:
    from pipeline.options import ReadOptions


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How videos are read and encoded, and by how many shard workers at most; None is no limit."""

    recipe: Recipe
    weights: str
    decoder: Decoder
    batch: int | Literal["auto"]
    compile: bool
    workers: int | None
    limits: Limits
    strict: bool
    full_digest: bool
    image_rate: float


def stage_settings(
    recipe: Recipe, weights: str, reading: ReadOptions, image_rate: float = IMAGE_RATE
) -> StageSettings:
    """Return the settings that the options of a command come to; ``image_rate`` is the default."""
    return StageSettings(
        recipe=recipe,
        weights=weights,
        decoder=reading.decoder,
        batch=reading.batch,
        compile=reading.compile,
        workers=reading.workers,
        limits=Limits(reading.deadline, int(reading.decoder_memory * 2**30)),
        strict=reading.strict,
        full_digest=reading.full_digest,
        image_rate=reading.image_rate or image_rate,
    )
