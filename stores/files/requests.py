"""Few requests for what lies behind a URL, and many of them at once.

A store far away takes its time for each request, whatever it asks for. Files of this machine are
read one after another, by the thread that wants them.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from stores.files.locations import filesystem_of, is_remote, regular

if TYPE_CHECKING:
    from typing_extensions import Buffer

Item = TypeVar("Item")
Found = TypeVar("Found")

_AT_ONCE = 16  # reads; libraries such as S3's keep ten connections open or a few more
_AHEAD = 2 * _AT_ONCE  # results that wait to be taken, or for one before them

_PIECE = 1 << 16  # bytes: more costs no time, and an index of a hundred videos fits


def side_by_side(
    read: Callable[[Item], Found], items: Iterable[Item], place: Path
) -> Iterator[Found]:
    """Yield what ``read`` makes of each item, in their order; ahead if ``place`` is remote.

    The first item in order that cannot be read raises its error, whichever failed first.
    """
    if not is_remote(place):
        yield from map(read, items)
        return
    pool = ThreadPoolExecutor(_AT_ONCE, "remote-read")
    ahead: deque[Future[Found]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(read, item))
            if len(ahead) == _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def read_in_pieces(path: Path, read: Callable[[Path | io.RawIOBase], Found]) -> Found:
    """Return what ``read`` makes of a file; it is called again where bytes of a remote one lack.

    For HDF5, whose library lets in one thread at a time: were it to wait for a store itself, all
    other threads would wait with it. Errors are those of ``read`` and of the store.
    """
    if not is_remote(path):
        return read(regular(path))
    pieces = _Pieces(path)
    while True:
        try:
            found = read(_PiecedFile(pieces))
        except _LackingError:
            pass
        else:
            return found
        pieces.fetch()


def open_exactly(path: Path) -> IO[bytes]:
    """Open a file for reading; of a remote one nothing is fetched but what is read."""
    if not is_remote(path):
        return path.open("rb")
    filesystem, name = filesystem_of(str(path))
    file: IO[bytes] = filesystem.open(name, "rb", cache_type="none")
    return file


class _LackingError(Exception):
    """Bytes were asked for that are not there yet."""


class _Pieces:
    """What was fetched of a remote file: at first its head and its tail."""

    def __init__(self, path: Path) -> None:
        self._filesystem, self._path = filesystem_of(str(path))
        self.size = int(self._filesystem.info(self._path)["size"])
        self._known: dict[int, bytes] = {}
        tail = max(_PIECE, self.size - _PIECE)
        self._lacking = [(0, min(_PIECE, self.size)), (tail, max(tail, self.size))]
        self.fetch()

    def get(self, start: int, size: int) -> bytes:
        """Return bytes of the file, up to its end, or note that they lack and raise."""
        end = min(start + size, self.size)
        if start >= end:
            return b""
        begin, more = start - start % _PIECE, _PIECE
        for first, piece in self._known.items():
            last = first + len(piece)
            if first <= start and end <= last:
                return piece[start - first : end - first]
            if first <= start <= last:  # read on: in pieces that grow, so that few are needed
                begin, more = last, len(piece)
        self._lacking = [(begin, min(max(end, begin + more), self.size))]
        raise _LackingError

    def fetch(self) -> None:
        """Fetch what lacks, in one go."""
        starts = [start for start, end in self._lacking if start < end]
        ends = [end for start, end in self._lacking if start < end]
        paths = [self._path] * len(starts)
        found = self._filesystem.cat_ranges(paths, starts, ends, on_error="raise")
        for start, end, piece in zip(starts, ends, found, strict=True):
            if len(piece) != end - start:
                raise OSError(f"{len(piece)} bytes came instead of the {end - start} from {start}")
            before = next((s for s, known in self._known.items() if s + len(known) == start), start)
            self._known[before] = self._known.get(before, b"") + piece


class _PiecedFile(io.RawIOBase):
    """A remote file as far as it is known."""

    def __init__(self, pieces: _Pieces) -> None:
        self._pieces = pieces
        self._place = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place from the start or the end, or from here."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._pieces.size}
        self._place = origin[whence] + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer, or what is left of the file into it."""
        view = memoryview(buffer).cast("B")
        found = self._pieces.get(self._place, len(view))
        view[: len(found)] = found
        self._place += len(found)
        return len(found)
