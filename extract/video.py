"""Video files to chunks of sampled frames: two decoders behind one name."""

from __future__ import annotations

from dataclasses import dataclass

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
