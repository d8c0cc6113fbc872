"""What a file holds, and whether it still holds it: by size, date, and a digest of samples.

A copy that was incomplete, or a recorder that writes a new film under an old name, keeps the path;
only the content tells. A date alone would not do, since copies keep dates and clocks are set, nor a
whole digest, which reads every byte of a hundred gigabytes: docs/decisions/0008-content.md.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import xxhash

from stores.files.locations import details_of, is_url, size_of
from stores.files.sequences import images_in, sizes_of
from stores.records import Content

Images = Sequence[tuple[int, Path]]
"""Numbers and paths of the images of a folder, by number."""

_BLOCK = 1 << 16
_SAMPLES = 16  # blocks, the first and the last among them: 1 MiB, a moment even over a network
_SAMPLED, _WHOLE, _UNREAD = "samples", "whole", "unread:"
_TAGS = "ETag", "etag", "md5Hash", "blob_id", "checksum", "sha256"
_DATES = "LastModified", "last_modified", "mtime", "updated", "Last-Modified", "created"


def content_of(path: str, *, whole: bool = False) -> Content | None:
    """Return what the file at a path or URL holds; None where there is no file to read.

    The digest is of 16 blocks of 64 KiB, evenly spread from head to tail, or of the ``whole`` file;
    of what lies behind a URL it is the store's own tag, or else its date. A file that cannot be
    read has a digest that says so, and holds something else once it can be. A folder of images has
    the size of all of them, the latest of their dates, and a digest of their names and sizes and of
    the first blocks of 16 images, or of all bytes.
    """
    if is_url(path):
        return _remote_content(path)
    try:
        status = Path(path).stat()
    except (OSError, ValueError):  # reading it will raise the error that names it
        return None
    if path and stat.S_ISDIR(status.st_mode):
        return _content_of_images(path, status, whole=whole)
    if not path or not stat.S_ISREG(status.st_mode):
        return None
    whole = whole or status.st_size <= _BLOCK * _SAMPLES
    try:
        digest = _digest(path, status.st_size, _WHOLE if whole else _SAMPLED)
    except OSError:
        digest = _UNREAD
    return Content(status.st_size, status.st_mtime_ns, digest)


def still_holds(path: str, known: Content, *, trust_date: bool = True) -> bool:
    """Return whether the file at a path or URL is there and holds what is known of it.

    Equal size and date count as equal content, unless dates are not trusted. Another date alone
    costs a digest of the kind that is known.
    """
    if is_url(path):
        found = _remote_content(path)
        return found is not None and (found.size, found.digest) == (known.size, known.digest)
    if known.digest == _UNREAD:  # whatever the date: permissions do not change it
        found = content_of(path)
        return found is not None and found.digest == _UNREAD
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            return _images_still_hold(path, status, known, trust_date=trust_date)
        if not stat.S_ISREG(status.st_mode) or status.st_size != known.size:
            return False
        if trust_date and status.st_mtime_ns == known.modified:
            return True
        kind = known.digest.partition(":")[0]
        return _digest(path, status.st_size, kind) == known.digest
    except (OSError, ValueError):
        return False


def was_replaced(path: str, known: Content | None, *, trust_date: bool = True) -> bool:
    """Return whether there is a file at a path or URL that holds something else than is known."""
    if known is None or size_of(path) is None:
        return False
    return not still_holds(path, known, trust_date=trust_date)


def _digest(path: str, size: int, kind: str) -> str:
    state = xxhash.xxh3_128(size.to_bytes(8, "little"))
    with Path(path).open("rb") as file:
        for block in _all_blocks(file) if kind == _WHOLE else _sampled_blocks(file, size):
            state.update(block)
    return f"{kind}:{state.hexdigest()}"


def _content_of_images(path: str, status: os.stat_result, *, whole: bool) -> Content | None:
    images = images_in(Path(path))
    if not images:
        return None
    sizes = sizes_of(images)
    whole = whole or sum(sizes) <= _BLOCK * _SAMPLES
    try:
        digest = _digest_of_images(images, sizes, _WHOLE if whole else _SAMPLED)
    except OSError:
        digest = _UNREAD
    return Content(sum(sizes), _latest_date(images, status), digest)


def _images_still_hold(
    path: str, status: os.stat_result, known: Content, *, trust_date: bool
) -> bool:
    images = images_in(Path(path))
    sizes = sizes_of(images)
    if not images or sum(sizes) != known.size:
        return False
    if trust_date and _latest_date(images, status) == known.modified:
        return True
    return _digest_of_images(images, sizes, known.digest.partition(":")[0]) == known.digest


def _latest_date(images: Images, status: os.stat_result) -> int:
    """Return the latest date of images and of their folder, which says when one came or went."""
    dates = [status.st_mtime_ns]
    for _, path in images:
        with suppress(OSError):
            dates.append(path.stat().st_mtime_ns)
    return max(dates)


def _digest_of_images(images: Images, sizes: Sequence[int], kind: str) -> str:
    state = xxhash.xxh3_128()
    for (_, path), size in zip(images, sizes, strict=True):
        state.update(os.fsencode(path.name) + b"\0" + size.to_bytes(8, "little"))
    last = len(images) - 1
    few = kind == _SAMPLED and last >= _SAMPLES
    chosen = [last * n // (_SAMPLES - 1) for n in range(_SAMPLES)] if few else range(last + 1)
    for place in chosen:
        if sizes[place]:  # else a link that leads nowhere, or a pipe
            with images[place][1].open("rb") as file:
                for block in _all_blocks(file) if kind == _WHOLE else [file.read(_BLOCK)]:
                    state.update(block)
    return f"{kind}:{state.hexdigest()}"


def _all_blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK * _SAMPLES):
        yield block


def _sampled_blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    last = max(size - _BLOCK, 0)
    for number in range(_SAMPLES):
        file.seek(last * number // (_SAMPLES - 1))
        yield file.read(_BLOCK)


def _remote_content(url: str) -> Content | None:
    details = details_of(url)
    if details is None:
        return None
    tag = next((str(details[name]) for name in _TAGS if details.get(name)), "")
    date = next((str(details[name]) for name in _DATES if details.get(name)), "")
    size = details.get("size")
    digest = f"tag:{tag}" if tag else f"date:{date}"
    return Content(size if isinstance(size, int) else 0, 0, digest)
