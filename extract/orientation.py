"""How a stored picture is set upright: a display matrix, as one of the eight ways to lay it down.

Cameras that hang upside down, telephones and selfies write such a matrix; a player applies it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Orientation:
    """What sets a stored picture upright: its sides exchanged first, then either axis mirrored."""

    exchanges_sides: bool = False
    mirrors_columns: bool = False
    mirrors_rows: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Return the orientation that a decoded frame's display matrix asks for; none is upright.

        The matrix [[a, b, u], [c, d, v], [x, y, w]] takes the point (p, q) to (ap + cq + x,
        bp + dq + y), with q counting downwards (ISO/IEC 14496-12, 6.2.2). Angles count as the
        nearest quarter turn, as players show them, and a matrix of zeros as none.
        """
        try:
            matrix = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:  # PyAV has no name for other side data of this frame, as EXIF
            return _quarter_turns(round(frame.rotation / 90) % 4)
        if matrix is None:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(exchanges_sides=True, mirrors_columns=c < 0, mirrors_rows=b < 0)
        return cls(mirrors_columns=a < 0, mirrors_rows=d < 0)

    @property
    def is_upright(self) -> bool:
        """Whether a stored picture is shown as it is."""
        return self == Orientation()

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the (width, height) of a stored picture of these sides once it is upright."""
        return (height, width) if self.exchanges_sides else (width, height)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a stored picture [H,W,3] upright."""
        if self.exchanges_sides:
            picture = picture.transpose(1, 0, 2)
        rows = slice(None, None, -1 if self.mirrors_rows else 1)
        columns = slice(None, None, -1 if self.mirrors_columns else 1)
        return np.ascontiguousarray(picture[rows, columns])


def _quarter_turns(turns: int) -> Orientation:
    """Return the orientation of so many anticlockwise quarter turns: 0 to 3."""
    return Orientation(
        exchanges_sides=turns % 2 == 1, mirrors_columns=turns > 1, mirrors_rows=turns in (1, 2)
    )
