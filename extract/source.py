"""Where frames come from: the interface between whatever yields frames and feature extraction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stores.records import DecodeAudit


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive sampled frames of one video.

    ``frames`` [F,H,W,3] are RGB at the recipe's size, ``segments`` [F] the segment number of each
    (non-decreasing), ``times`` the seconds of all source frames read since the previous chunk,
    sampled or not. ``last`` is the audit, in the final chunk of a video alone.
    """

    frames: NDArray[np.uint8]
    segments: NDArray[np.int64]
    times: NDArray[np.float64]
    last: DecodeAudit | None = None


class FrameSource(Protocol):
    """A file that was opened, or later a live stream."""

    @property
    def seconds(self) -> float:
        """How long its frames last, from which the deadline for reading them follows."""

    def chunks(self, chunk_frames: int) -> Iterator[Chunk]:
        """Yield the sampled frames in chunks of ``chunk_frames``, the last may be shorter."""
