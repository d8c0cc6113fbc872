"""Atomic commits: a file is there whole or not at all, and one writer holds a folder at a time.

An object store makes an upload visible whole by itself; it has no locks, so there two runs at once
are not kept apart. They would write the same names with the same content.

A link is never written through: one in the place of a file is replaced, one in the place of a
folder is refused where the writer says below which folder that matters.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from stores.files.locations import is_remote, regular, upload
from stores.records import StoreError

LOCKS = "PIPELINE_LOCKS"
"""The variable that says ``soft`` where the disk of the outputs has no kernel locks."""

_PARTIAL = ".partial-"
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)

# One byte far past the end of any file: some network disks let nobody write to what is locked.
_FAR_BYTE = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 2**62, 1, 0)


@contextmanager
def committing(path: Path, below: Path | None = None) -> Iterator[Path]:
    """Yield a new, empty file beside ``path``; when the block ends well, fsync and rename it.

    When the block fails the temporary file is removed and ``path`` stays as it was. It is locked
    meanwhile, which tells it from those of dead processes. For a remote ``path`` the temporary file
    is one of this machine, and is uploaded. No folder between ``below`` and ``path`` may be a link.

    Raises:
        StoreError: The disk is full, read-only or forbids it, or the store cannot be reached; or a
            folder is a link.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="outgoing-") as folder:
            yield Path(folder) / path.name
            upload(Path(folder) / path.name, path)
        return
    if below is not None:
        refuse_links(path.parent, below)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, descriptor = _create_beside(path)
        try:
            yield temporary
            os.fsync(descriptor)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)
        _fsync(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def commit_bytes(path: Path, data: bytes | memoryview, below: Path | None = None) -> None:
    """Write ``data`` to ``path`` atomically; ``below`` and errors as in :func:`committing`."""
    with committing(path, below) as temporary, temporary.open("wb") as file:
        file.write(data)


def commit_text(path: Path, text: str, below: Path | None = None) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically; all else as in :func:`committing`."""
    commit_bytes(path, text.encode(), below)


@contextmanager
def exclusive(folder: Path, below: Path | None = None) -> Iterator[None]:
    """Hold ``folder`` for one writer, creating it, and clear what killed ones left half-written.

    The lock is the kernel's, so it ends with its process. With ``PIPELINE_LOCKS=soft`` it is a file
    that names its holder, for disks without locks: a killed holder's is taken over on its own
    machine, and stays on others. Remote folders have none. ``below`` is as in :func:`committing`.

    Raises:
        StoreError: Another process holds it, or the folder cannot be written, or is a link.
    """
    if is_remote(folder):
        yield
        return
    if below is not None:
        refuse_links(folder, below)
    soft = os.environ.get(LOCKS) == "soft"
    # Two names: a soft lock is held as long as its file is there.
    path = folder / (".lock-soft" if soft else ".lock")
    lock = SoftFileLock(path, blocking=False) if soft else FileLock(path, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        regular(path)
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"{folder} is in use by another run; wait for it or give another OUT"
            + (f" (if there is none on any machine, remove {path})" if soft else "")
        ) from error
    except OSError as error:
        raise StoreError(f"cannot write to {folder}: {_explain(error, path)}") from error
    try:
        _clear_dead(folder)
        yield
    finally:
        with suppress(StoreError):  # the next run clears what this one's workers left
            _clear_dead(folder)
        lock.release()


def refuse_links(path: Path, below: Path) -> None:
    """Check that neither ``path`` nor a folder between ``below`` and it is a link.

    Raises:
        StoreError: One is: what is written or removed there would be somebody else's.
    """
    if is_remote(path):
        return
    for each in (path, *path.parents):
        if each == below:
            return
        if each.is_symlink():
            raise StoreError(
                f"{each} is a link, and nothing inside {below} is written through links; "
                "put a folder in its place"
            )


def _explain(error: OSError, lock: Path) -> str:
    if error.errno == errno.ELOOP and lock.is_symlink():
        return f"{lock} is a link; remove it"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return "a file lies there or above it; give a folder"
    if error.errno in _NO_LOCKS:
        return f"{error.strerror} ({lock}); give an OUT on another disk, or set {LOCKS}=soft"
    return str(error.strerror or error)


def _create_beside(path: Path) -> tuple[Path, int]:
    """Make a temporary file; return it with the descriptor that holds its lock until closed."""
    while True:
        temporary = path.parent / f"{_PARTIAL}{uuid.uuid4().hex}-{path.name}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, 0o666)
        if _take(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)  # cleared by another process before it was locked


def _clear_dead(folder: Path) -> None:
    """Remove the temporary files that no living process holds; links and others' stay."""
    for partial in folder.rglob(f"{_PARTIAL}*"):
        try:
            descriptor = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # gone meanwhile, a link, a folder, or another user's
            continue
        try:
            if _take(descriptor):
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot clear {partial}: {error.strerror}") from error
        finally:
            os.close(descriptor)


def _take(descriptor: int) -> bool | None:
    """Lock a file for as long as its descriptor; None where the file system has no locks."""
    try:
        # Of the open file, not of the process: closing another descriptor of it changes nothing.
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FAR_BYTE)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
    return True


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
