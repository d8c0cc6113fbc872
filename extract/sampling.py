"""Which frames of a stream are encoded, and which segment of 16 each stands for (paper, 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from extract.recipe import FrameChoice, Tail
from stores.records import SEGMENT_FRAMES

Source = TypeVar("Source")
Picture = TypeVar("Picture")

_POSITION: dict[FrameChoice, int | None] = {"mean16": None, "first": 0, "middle": 8}
"""Which of a segment's 16 frames stands for it; None is all of them."""


def is_strided(choice: FrameChoice) -> bool:
    """Return whether one frame stands for a segment, so that 15 of 16 need no pixels."""
    return _POSITION[choice] is not None


def segment_count(frames: int, tail: Tail) -> int:
    """Return the number of segments S of a video of ``frames`` frames.

    ``keep`` counts a last partial segment, ``drop`` does so only where it is the only one.

    Raises:
        ValueError: ``frames`` is negative.
    """
    if frames < 0:
        raise ValueError(f"frames must be 0 or more, got {frames}")
    whole, rest = divmod(frames, SEGMENT_FRAMES)
    partial_counts = rest > 0 and (tail == "keep" or whole == 0)
    return whole + partial_counts


def plan(frames: int, choice: FrameChoice, tail: Tail) -> list[tuple[int, int]]:
    """Return ``(segment, frame)`` for every encoded frame of a video whose length is known.

    Both ascend from 0. A partial segment that lacks its frame has the last frame of the video.
    """
    position = _POSITION[choice]
    chosen: list[tuple[int, int]] = []
    for segment in range(segment_count(frames, tail)):
        start = segment * SEGMENT_FRAMES
        end = min(start + SEGMENT_FRAMES, frames)
        if position is None:
            chosen.extend((segment, frame) for frame in range(start, end))
        else:
            chosen.append((segment, min(start + position, end - 1)))
    return chosen


def sample(
    frames: Iterable[Source], convert: Callable[[Source], Picture], choice: FrameChoice, tail: Tail
) -> Iterator[tuple[int, Picture]]:
    """Yield ``(segment, convert(frame))`` as :func:`plan` chooses, without knowing the length.

    ``convert`` is called as a chosen frame arrives and never for the others. With ``drop`` a
    segment's pictures are held back until it is whole, and beside them one unconverted frame.
    """
    position = _POSITION[choice]
    held: list[Picture] = []
    count = 0
    latest: Source
    for count, latest in enumerate(frames, start=1):
        segment, inside = divmod(count - 1, SEGMENT_FRAMES)
        if position is None or inside == position:
            held.append(convert(latest))
        if tail == "keep" or inside == SEGMENT_FRAMES - 1:
            yield from ((segment, picture) for picture in held)
            held.clear()
    segment, rest = divmod(count, SEGMENT_FRAMES)
    if rest and (tail == "keep" or segment == 0):
        if position is not None and rest <= position:
            held.append(convert(latest))
        yield from ((segment, picture) for picture in held)
