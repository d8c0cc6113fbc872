"""How many images a GPU encodes at once: as many as it needs to be quick, and as fit its memory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from extract.crops import frame_size
from extract.features import FrameProgram, frames_at_once
from extract.recipe import Recipe
from stores.files.commit import commit_bytes
from stores.files.typed import read_json
from stores.records import StoreError

SIZES = (32, 64, 128, 256, 512, 1024)
"""Images at once that are tried."""

NEAR = 0.98
"""Share of the best rate that is as good: the smallest batch that reaches it is taken."""

_SECONDS = 0.3  # for which each size is tried


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """Images that are encoded at once, and how many a second came of it when it was tried."""

    images: int
    rate: float


def choose_batch(
    program: FrameProgram,
    device: torch.device,
    recipe: Recipe,
    *,
    sizes: Sequence[int] = SIZES,
    seconds: float = _SECONDS,
) -> BatchChoice:
    """Try batches of growing sizes until memory ends; return the smallest near the best rate.

    Raises:
        torch.OutOfMemoryError: Not even the smallest fits.
    """
    rates: dict[int, float] = {}
    for size in sizes:
        count = frames_at_once(size, recipe)
        frames = torch.zeros(count, *frame_size(recipe), 3, dtype=torch.uint8, device=device)
        try:
            turns = _turns_a_second(program, frames, seconds)
        except torch.OutOfMemoryError:
            if not rates:
                raise
            break
        rates[size] = turns * count * recipe.crop_count
    best = max(rates.values())
    return next(BatchChoice(size, rate) for size, rate in rates.items() if rate >= NEAR * best)


def kept_choice(
    choose: Callable[[], BatchChoice], device: torch.device, recipe: Recipe
) -> BatchChoice:
    """Return what was chosen before for this GPU's model, this CLIP and precision, or choose now.

    Choices are kept in ``$XDG_CACHE_HOME/dsanet``, ``~/.cache/dsanet`` by default; where that
    cannot be read or written they are made anew.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    made_for = "|".join((name, torch.__version__, recipe.model, recipe.precision, recipe.crops))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dsanet"
    file = cache / f"batch-{hashlib.sha256(made_for.encode()).hexdigest()[:16]}.json"
    with suppress(StoreError):
        if (kept := read_json(file, BatchChoice)) is not None and kept.images > 0:
            return kept
    choice = choose()
    with suppress(StoreError, OSError):
        cache.mkdir(parents=True, exist_ok=True)
        commit_bytes(file, msgspec.json.encode(asdict(choice) | {"made_for": made_for}))
    return choice


class WithinMemory:
    """A program that takes a batch in two halves from the first one on for which memory is short.

    ``say`` is told once. Where halves do not fit either, torch.OutOfMemoryError passes.
    """

    def __init__(self, program: FrameProgram, say: Callable[[str], object]) -> None:
        self._program = program
        self._say = say
        self._parts = 1

    def __call__(self, frames: UInt8[Tensor, "f h w 3"]) -> Float[Tensor, "f c d"]:
        """Encode frames, in halves where they have to be."""
        if self._parts == 1:
            with suppress(torch.OutOfMemoryError):
                return self._program(frames)
            self._parts = 2
            self._say(f"out of memory with {len(frames)} frames at once; from here on half as many")
            torch.cuda.empty_cache()
        return torch.cat([self._program(half) for half in torch.chunk(frames, 2)])


def _turns_a_second(
    program: FrameProgram, frames: UInt8[Tensor, "f h w 3"], seconds: float
) -> float:
    _wait(program(frames))
    turns, begun = 0, time.perf_counter()
    while turns < 2 or time.perf_counter() - begun < seconds:
        _wait(program(frames))
        turns += 1
    return turns / (time.perf_counter() - begun)


def _wait(features: Float[Tensor, "f c d"]) -> None:
    features.flatten()[0].item()
