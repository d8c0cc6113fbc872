"""Atomic commits: a file is there whole or not at all, and one writer holds a folder at a time.

An object store makes an upload visible whole by itself; it has no locks, so there two runs at once
are not kept apart. They would write the same names with the same content.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stores.files.locations import is_remote, upload
from stores.records import StoreError

_PARTIAL = ".partial-"


@contextmanager
def committing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends well, fsync and rename it.

    When the block fails the temporary file is removed and ``path`` stays as it was. For a remote
    ``path`` the temporary file is one of this machine, and is uploaded.

    Raises:
        StoreError: The disk is full, read-only or forbids it, or the store cannot be reached.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="outgoing-") as folder:
            yield Path(folder) / path.name
            upload(Path(folder) / path.name, path)
        return
    temporary = path.parent / f"{_PARTIAL}{uuid.uuid4().hex}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _fsync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _fsync(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def commit_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write ``data`` to ``path`` atomically; errors as in :func:`committing`."""
    with committing(path) as temporary, temporary.open("wb") as file:
        file.write(data)


def commit_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically; errors as in :func:`committing`."""
    commit_bytes(path, text.encode())


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for one writer, creating it, and clear what a killed one left half-written.

    The lock is the kernel's, so it ends with its process. Remote folders have none.

    Raises:
        StoreError: Another process holds it, or the folder cannot be written.
    """
    if is_remote(folder):
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise StoreError(f"cannot write to {folder}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for partial in folder.rglob(f"{_PARTIAL}*"):
                partial.unlink(missing_ok=True)
        except BlockingIOError as error:
            raise StoreError(
                f"{folder} is in use by another run; wait for it or give another OUT"
            ) from error
        except OSError as error:
            raise StoreError(
                f"cannot lock and clear {folder}: {error.strerror}; give an OUT on another disk"
            ) from error
        yield


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
