"""Where a video's features lie in its shard, and digests of them: reading without HDF5.

HDF5 compares Fletcher-32 at less than half the speed of the reading itself. With a chunk's place
and a digest of each crop's values, a crop is one plain read and still checked to the last bit.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import IO

import h5py
import numpy as np
import xxhash
from numpy.typing import NDArray

VALUES = np.dtype("<f2")
_ROWS = 8192  # of a chunk at most: HDF5 holds a whole chunk in memory, 8 MiB at width 512


def chunk_rows(segments: int) -> int:
    """Return the rows of a chunk: the whole crop, or equal pieces of a long one."""
    # Equal, because HDF5 writes the last chunk whole, however empty it is.
    return -(-segments // -(-segments // _ROWS))


@dataclass(frozen=True, slots=True)
class Layout:
    """One video's chunks: byte ``offsets`` in the file and XXH3 ``digests`` of crops' values.

    ``rows`` is what a chunk holds, though the last of a crop may hold less; a crop's chunks are
    neighbours in ``offsets``.
    """

    rows: int
    offsets: tuple[int, ...]
    digests: tuple[str, ...]

    @classmethod
    def of(cls, data: h5py.Dataset, values: NDArray[np.float16]) -> Layout:
        """Return where HDF5 has put ``values`` [C,S,D], which ``data`` holds in flushed chunks."""
        crops, segments, _ = values.shape
        values = np.ascontiguousarray(values, VALUES)
        rows = data.chunks[1]
        starts = [(crop, row, 0) for crop in range(crops) for row in range(0, segments, rows)]
        offsets = (data.id.get_chunk_info_by_coord(start).byte_offset for start in starts)
        return cls(rows, tuple(offsets), tuple(digest(crop) for crop in values))

    def check(self, crops: int, segments: int) -> None:
        """Make sure that these are places for features of this shape.

        Raises:
            ValueError: They are too many or too few.
        """
        if self.rows < 1:
            raise ValueError(f"chunks of {self.rows} rows")
        chunks = crops * -(-segments // self.rows)
        if (len(self.offsets), len(self.digests)) != (chunks, crops):
            listed = f"{len(self.offsets)} chunks are listed, expected {chunks}"
            raise ValueError(f"{listed}; {len(self.digests)} digests, expected {crops}")

    def expect(self, file: IO[bytes], crop: int, size: int) -> None:
        """Ask the kernel to fetch one crop of ``size`` bytes in one request, not in several."""
        if isinstance(file, io.BufferedReader) and hasattr(os, "posix_fadvise"):
            first = self.offsets[crop * len(self.offsets) // len(self.digests)]
            os.posix_fadvise(file.fileno(), first, size, os.POSIX_FADV_WILLNEED)

    def read(self, file: IO[bytes], crop: int, into: NDArray[np.float16]) -> None:
        """Fill ``into`` [S,D] with the values of one crop.

        Raises:
            ValueError: The file ends before them, or they are not those that were written.
        """
        count = len(self.offsets) // len(self.digests)
        for chunk in range(count):
            piece = into[chunk * self.rows : (chunk + 1) * self.rows].data.cast("B")
            file.seek(self.offsets[crop * count + chunk])
            # Every file that is opened for reading has readinto; typeshed's IO lacks it.
            if file.readinto(piece) != piece.nbytes:  # type: ignore[attr-defined]
                raise ValueError("it ends too early")
        if digest(into) != self.digests[crop]:
            raise ValueError(f"crop {crop} is not what was written")


def digest(values: NDArray[np.float16]) -> str:
    """Return the digest of one crop's values [S,D], which lie in one piece."""
    return xxhash.xxh3_64_hexdigest(values.data.cast("B"))
