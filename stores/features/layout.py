"""Where a video's features lie in its shard, and digests of them: reading that passes HDF5 by.

HDF5 compares Fletcher-32 at less than half the speed of the reading itself. A shard keeps these
checksums for whoever opens it with HDF5; its index also says where every chunk lies and what digest
a crop's values have, so that a crop is one plain read and is still checked to the last bit.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import h5py
import numpy as np
import xxhash
from numpy.typing import NDArray

VALUES = np.dtype("<f2")
_ROWS = 8192  # of a chunk at most: HDF5 holds a whole chunk in memory, 8 MiB at width 512


def chunk_rows(segments: int) -> int:
    """Return the rows of a chunk: the whole crop, or equal pieces of a long one.

    Equal, because HDF5 writes the last chunk whole, be it ever so empty.
    """
    return -(-segments // -(-segments // _ROWS))


@dataclass(frozen=True, slots=True)
class Layout:
    """One video's chunks: byte ``offsets`` in the file and XXH3 ``digests`` of crops' values.

    ``rows`` is what a chunk holds, the last of a crop maybe less; a crop's chunks stand together in
    ``offsets``.
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

    @classmethod
    def from_json(cls, content: dict[str, Any], shape: Sequence[int]) -> Layout:
        """Return the layout that an index tells of features of this shape.

        Raises:
            ValueError: It does not fit the shape.
        """
        layout = cls(content["rows"], tuple(content["offsets"]), tuple(content["digests"]))
        crops, segments, _ = shape
        if layout.rows < 1:
            raise ValueError(f"its index tells of chunks of {layout.rows} rows")
        chunks = crops * -(-segments // layout.rows)
        if (len(layout.offsets), len(layout.digests)) != (chunks, crops):
            raise ValueError(f"its index names {len(layout.offsets)} chunks, expected {chunks}")
        return layout

    def expect(self, file: IO[bytes], crop: int, size: int) -> None:
        """Have a lone crop of ``size`` bytes fetched from disk in one request, not in several."""
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
            # Every file that is opened to be read has readinto; typeshed's IO does not say so.
            if file.readinto(piece) != piece.nbytes:  # type: ignore[attr-defined]
                raise ValueError("it ends too early")
        if digest(into) != self.digests[crop]:
            raise ValueError(f"crop {crop} is not what was written")


def digest(values: NDArray[np.float16]) -> str:
    """Return the digest of one crop's values [S,D], which lie in one piece."""
    return xxhash.xxh3_64_hexdigest(values.data.cast("B"))
