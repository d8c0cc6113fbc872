"""By which protocol was a published feature file made? Every combination, encoded once and ranked.

Which frames stand for a segment, and what is brought to length 1, is arithmetic on the features of
a frame's distinct pictures (resize, crop, channel order, colour matrix).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from extract.encoder import Encoder
from extract.killable import DEADLINE, killable
from extract.pictures import IMAGES, Image, Matrix, encode_segments
from extract.probe import probe
from extract.recipe import FrameChoice, KnownFrames, Tail
from extract.sampling import plan, segment_count

Normalised = Literal["nothing", "frames", "rows", "both"]


@dataclass(frozen=True, slots=True)
class Match:
    """A combination and how well it fits.

    ``cosine`` and ``worst`` are the mean and the lowest cosine over the compared rows, ``length``
    the mean ratio of the published rows' lengths to ours.
    """

    image: Image
    frames: FrameChoice
    normalised: Normalised
    cosine: float
    worst: float
    length: float

    @property
    def length_fits(self) -> bool:
        """Whether rows are as long as the published ones; half precision stays well within it."""
        return abs(self.length - 1) < 0.01


@dataclass(frozen=True, slots=True)
class Matching:
    """Every combination, best first.

    ``tails`` are the treatments of the last partial segment that give as many rows as the file has,
    ``own_matrix`` is the matrix our decoders take for this video, ``rows`` were compared.
    """

    ranked: tuple[Match, ...]
    tails: tuple[Tail, ...]
    own_matrix: Matrix
    rows: tuple[int, ...]
    frames: int

    @property
    def best(self) -> Match:
        """The combination that fits best."""
        return self.ranked[0]

    @property
    def equals(self) -> tuple[Match, ...]:
        """The other combinations that this file cannot tell from the best one.

        The best one's distance from the file is noise, so one at twice that may be right as well.
        """
        reach = 2 * (1 - self.best.cosine) + 1e-6  # float32 arithmetic alone makes as much
        return tuple(
            match
            for match in self.ranked[1:]
            if match.length_fits == self.best.length_fits and 1 - match.cosine <= reach
        )

    @property
    def is_explained(self) -> bool:
        """Whether the best fits better than any two frames of a segment fit each other."""
        return self.best.cosine >= 0.99


def match_features(
    path: str,
    published: NDArray[np.floating],
    encoder: Encoder,
    *,
    rows: int,
    deadline: float = DEADLINE,
) -> Matching:
    """Compare a video's published features [S,D] of one crop with every combination.

    ``rows`` of them, spread evenly, are compared: each costs 16 frames of 48 pictures.

    Raises:
        DecodeError: The video cannot be read, or not within ``deadline`` seconds, or decoded within
            ``SLOWEST`` times its own duration where that is more.
        ValueError: Features that the video and encoder cannot have made, or not finite.
    """
    probe_info = killable(probe, path, deadline=deadline)
    _check(published, encoder.width)
    _tails(len(published), probe_info.frames, path)
    chosen = np.unique(np.linspace(0, len(published) - 1, max(1, rows)).round().astype(int))
    segments = frozenset(chosen.tolist())
    features, frames, own = encode_segments(probe_info, segments, encoder, deadline=deadline)
    tails = _tails(len(published), frames, path)
    wanted = published[chosen].astype(np.float64)
    matches = [
        Match(image, choice, normalised, *_compare(wanted, ours))
        for choice in get_args(KnownFrames)
        for normalised, table in _combine(features, chosen, frames, choice, tails[0])
        for image, ours in zip(IMAGES, table, strict=True)
    ]
    ranked = sorted(matches, key=lambda match: (not match.length_fits, -match.cosine))
    return Matching(tuple(ranked), tails, own, tuple(chosen.tolist()), frames)


def _combine(
    features: dict[int, Float[np.ndarray, "i d"]],
    rows: NDArray[np.int_],
    frames: int,
    choice: FrameChoice,
    tail: Tail,
) -> Iterator[tuple[Normalised, Float[np.ndarray, "i r d"]]]:
    """Yield our rows for every image, under each thing that may be brought to length 1."""
    members: dict[int, list[int]] = {}
    for segment, frame in plan(frames, choice, tail):
        members.setdefault(segment, []).append(frame)
    stacks = [np.stack([features[f] for f in members[row]]).astype(np.float64) for row in rows]
    plain = np.stack([stack.mean(axis=0) for stack in stacks], axis=1)
    unit = np.stack([_unit(stack).mean(axis=0) for stack in stacks], axis=1)
    yield "nothing", plain
    yield "frames", unit
    if choice == "mean16":  # one frame is its own mean
        yield "rows", _unit(plain)
        yield "both", _unit(unit)


def _compare(
    published: Float[np.ndarray, "r d"], ours: Float[np.ndarray, "r d"]
) -> tuple[float, float, float]:
    """Return the mean and the lowest cosine of rows, and the mean ratio of their lengths."""
    cosines = (_unit(published) * _unit(ours)).sum(axis=-1)
    lengths = np.linalg.norm(published, axis=-1) / np.linalg.norm(ours, axis=-1)
    return float(cosines.mean()), float(cosines.min()), float(lengths.mean())


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _check(published: NDArray[np.floating], width: int) -> None:
    if published.ndim != 2 or not len(published):
        raise ValueError(
            f"got features of shape {published.shape}, expected [segments, width] of one crop; "
            "save one crop in a file of its own"
        )
    if (found := published.shape[1]) != width:
        raise ValueError(f"got features of width {found}, the encoder's is {width}: another model")
    if not np.isfinite(published).all() or not np.abs(published).sum(axis=1).all():
        raise ValueError("the features have rows of zeros or values that are not finite")


def _tails(rows: int, frames: int, path: str) -> tuple[Tail, ...]:
    """Return the treatments of the tail that make so many rows, or raise ValueError."""
    counts: dict[Tail, int] = {tail: segment_count(frames, tail) for tail in ("drop", "keep")}
    tails = tuple(tail for tail, count in counts.items() if count == rows)
    if not tails:
        hint = "; that is a row a frame, not a row for 16" if rows == frames else ""
        raise ValueError(
            f"got {rows} rows, but the {frames} frames of {path} make {counts['drop']} (tail "
            f"dropped) or {counts['keep']} (kept){hint}; is it the same video, uncut?"
        )
    return tails
