"""Where files are: on this machine, or behind a URL that fsspec opens (s3, gs, hf, http, memory).

A location is a ``Path`` here and everywhere: what stands for a URL has the same methods. Only code
that hands a file to a library, or relies on what no object store has, needs the functions below.
They raise a StoreError where a store cannot be reached, or refuses.
"""

from __future__ import annotations

import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from stores.files.sequences import images_in, sizes_of
from stores.records import StoreError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    AnyPath = Path
else:
    # What stands for a URL has a Path's methods but is none: beartype must not check for one.
    AnyPath = object

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")


def is_url(text: str) -> bool:
    """Return whether a text is a URL and no path of this machine."""
    return _URL.match(text) is not None


def is_remote(path: Path) -> bool:
    """Return whether a location lies behind a URL."""
    return is_url(str(path))


def location(text: str) -> Path:
    """Return the location that a text names, without asking whether anything is there.

    Raises:
        StoreError: A URL whose protocol is unknown, or needs a package that is not installed.
    """
    if not is_url(text):
        return Path(text)
    try:
        from upath import UPath

        # Other processes write into the same folders, which a listing that is kept would hide. A
        # UPath is no Path to the type checker, but has its methods.
        remote = UPath(text, use_listings_cache=False)
        filesystem_of(text)
    except ImportError as error:
        raise StoreError(
            f"{text} needs another package ({error}); '.[remote]' brings those of s3 and gs"
        ) from error
    except ValueError as error:
        raise StoreError(f"{text}: {error}; s3, gs, hf, http and plain paths are known") from error
    return cast(Path, remote)


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Turn whatever a protocol's library raises into a StoreError that begins with ``what``."""
    try:
        yield
    except Exception as error:
        # Each library has errors of its own (botocore, aiohttp, gcsfs), with no base in common.
        raise StoreError(f"{what}: {error}") from error


def reachable(text: str) -> Path:
    """Return the location that a text names, after one request where it is a URL.

    Raises:
        StoreError: As :func:`location`, or the store behind a URL cannot be reached, or refuses.
    """
    found = location(text)
    if not is_url(text):
        return found
    filesystem, path = filesystem_of(text)
    with store_errors(f"{text} cannot be reached"):
        try:
            filesystem.info(path)
        except FileNotFoundError as error:
            if isinstance(error.__cause__, OSError):  # over HTTP a dead server is a missing file
                raise error.__cause__ from None
    return found


def find_files(folder: Path) -> list[Path]:
    """Return every file below a remote folder, sorted, by one listing."""
    filesystem, root = filesystem_of(str(folder))
    with store_errors(f"{folder} cannot be listed"):
        names = sorted(filesystem.find(root))
    return [folder / name.removeprefix(root).lstrip("/") for name in names]


@contextmanager
def local_copy(path: Path) -> Iterator[Path]:
    """Yield a file of this machine with the content of ``path``: itself, or a passing copy."""
    if not is_remote(path):
        yield regular(path)
        return
    with tempfile.TemporaryDirectory(prefix="fetched-") as folder:
        copy = Path(folder) / (path.name or "file")
        filesystem, source = filesystem_of(str(path))
        with store_errors(f"{path} cannot be fetched"):
            filesystem.get_file(source, str(copy))
        yield copy


@contextmanager
def local_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder of this machine to write into: itself, or one that is uploaded at the end."""
    if not is_remote(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="outgoing-") as temporary:
        yield Path(temporary)
        for file in sorted(Path(temporary).rglob("*")):
            if file.is_file():
                upload(file, folder / file.relative_to(temporary).as_posix())


def upload(file: Path, target: Path) -> None:
    """Put a file of this machine to a remote location, where it appears whole or not at all."""
    filesystem, path = filesystem_of(str(target))
    with store_errors(f"cannot write {target}"):
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)  # object stores have none
        filesystem.put_file(str(file), path)


def openable(path: Path) -> Path | IO[bytes]:
    """Return what a library that reads files takes: a path, or an open file of a remote one.

    Raises:
        StoreError: As :func:`regular`.
    """
    return path.open("rb") if is_remote(path) else regular(path)


def regular(path: Path) -> Path:
    """Return a path that may be asked for a file; whether one is there, the asking tells.

    Raises:
        StoreError: It is a pipe, a socket or a device, and reading may wait without end; or it is a
            link that leads nowhere, which would be passed over as a file that is not there.
    """
    if is_remote(path):
        return path
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise StoreError(f"{path} is a link that leads nowhere; mend or remove it") from None
    except (OSError, ValueError):
        return path
    else:
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise StoreError(f"{path} is a pipe, a socket or a device; give a file")
    return path


def size_of(path: str) -> int | None:
    """Return the size in bytes of a file, or of all images of a folder that is a video.

    None where there is neither.
    """
    try:
        status = location(path).stat()
    except (OSError, ValueError):  # opening it will raise the error that names it
        return None
    if path and stat.S_ISDIR(status.st_mode) and not is_url(path):
        images = images_in(Path(path))
        return sum(sizes_of(images)) if images else None
    return status.st_size if path and stat.S_ISREG(status.st_mode) else None


def details_of(url: str) -> Mapping[str, object] | None:
    """Return what a store says of an object, as it names it; None where there is no such object."""
    try:
        filesystem, path = filesystem_of(url)
        with store_errors(url):
            details: Mapping[str, object] = filesystem.info(path)
    except (StoreError, ValueError, ImportError):  # fetching it will raise the error that names it
        return None
    return details if details.get("type") == "file" else None


def filesystem_of(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system that a URL is of, one for all threads, and the path there."""
    from fsspec.core import url_to_fs

    return url_to_fs(url, use_listings_cache=False)
