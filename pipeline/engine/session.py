"""What Ray needs of this machine while a command runs: a folder, and servers that stay alive."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.signals import children, interrupt_main, removed_at_the_end, unheard_signals

LOST = (
    "Ray is gone from under this command (killed, or out of memory); what was committed stays, run "
    "the same command again"
)

PLACES = ("/tmp", "/var/tmp")
"""Folders for passing files that every system has."""

_GUARD = str(Path(__file__).with_name("guard.py"))
_PREFIX = "dsanet-ray-"
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103  # bytes of a socket's path, by the kernel
_SOCKET = "12345678/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113, 3.4
_PAUSE = 0.25  # seconds between two looks at Ray's processes
_TOGETHER = 0.5  # seconds in which a signal to all, which ended Ray, has reached us too


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder for Ray's sockets and logs that this user alone can enter; remove it then.

    Those that killed runs left are removed as well. It lies where ``RAY_TMPDIR`` or ``TMPDIR``
    say, or where the system keeps such things if that place cannot be written or its path is too
    long for sockets.

    Raises:
        ConnectionError: There is no such place.
    """
    reasons = []
    places = (os.environ.get("RAY_TMPDIR"), os.environ.get("TMPDIR"), *PLACES)
    for place in dict.fromkeys(filter(None, places)):
        if reason := _unfit_reason(place):
            reasons.append(f"{place} ({reason})")
            continue
        _clear(Path(place))
        try:
            folder, lock = _make(place)
        except OSError as error:
            reasons.append(f"{place} ({error.strerror})")
            continue
        try:
            with _guarded(folder), removed_at_the_end(folder):
                inner = folder / "r"  # Ray opens to everybody what it is given
                inner.mkdir()
                yield inner
        finally:
            os.close(lock)
        return
    raise ConnectionError(
        f"there is no folder for Ray's sockets: {', '.join(reasons)}; set RAY_TMPDIR to a folder "
        "with a short path that can be written"
    )


def _unfit_reason(place: str) -> str:
    """Say why sockets cannot lie below a folder; empty where they can."""
    try:
        length = len(f"{place}/{_PREFIX}{_SOCKET}".encode())
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    if length > _LONGEST_SOCKET:
        return f"its path is {length - _LONGEST_SOCKET} bytes too long"
    return "" if Path(place).is_absolute() else "it is relative"


def _make(place: str) -> tuple[Path, int]:
    """Make a folder, and hold its lock: the kernel's, so that it ends with this process."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():  # else another run took it for left behind before we had the lock
                return folder, lock
            os.close(lock)


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Have what writes to a folder end, and the folder go, with this process, also by SIGKILL."""
    reader, writer = os.pipe()  # no other process has the end that is written to
    guard = [sys.executable, "-I", "-S", _GUARD, str(folder), str(os.getpid())]
    heard = [] if (unheard := unheard_signals()) is None else [unheard]
    null = subprocess.DEVNULL
    try:
        with suppress(OSError):  # no room for another process: Ray will say so
            subprocess.run(
                [*guard, *map(str, heard)],
                stdin=reader,
                stdout=null,
                stderr=null,
                check=False,
                pass_fds=heard,
            )
        os.close(reader)
        yield
    finally:
        os.close(writer)


def _clear(place: Path) -> None:
    """Remove the folders of this user's runs that ended without doing so."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, in use, or just removed
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


class RayLost(ConnectionError):
    """Ray is not there any more: one line for the user."""


@contextmanager
def watched(is_alive: Callable[[], bool], patience: float, loss: str = LOST) -> Iterator[None]:
    """Interrupt the block when Ray has not been alive for so many seconds.

    Ray's own libraries wait a minute for a server that is gone, and then end the process.

    Raises:
        RayLost: As ``loss`` says; in place of any error that came of it.
    """
    lost, left = threading.Event(), threading.Event()

    def watch() -> None:
        alive = time.monotonic()
        while not left.wait(_PAUSE):
            if is_alive():
                alive = time.monotonic()
            elif time.monotonic() - alive > patience and not left.wait(_TOGETHER):
                lost.set()
                interrupt_main(2, f"error: {loss}", grace=2.0)
                return

    if threading.current_thread() is threading.main_thread():  # no other can be interrupted
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except BaseException as error:
        if lost.is_set() or (isinstance(error, Exception) and not is_alive()):
            time.sleep(_TOGETHER)  # a signal that ended Ray is raised here, and is why we end
            raise RayLost(loss) from error
        raise
    finally:
        left.set()
    if lost.is_set():  # the block took the interrupt for the user's
        raise RayLost(loss)


@dataclass(slots=True)
class OwnServers:
    """Ray's servers, children of this process; alive as long as each that was seen is.

    Those of a Ray before this one, which may still be ending, are none of it. Nor are children of
    their own, which have a server's name until they run their own program.
    """

    seen: set[int] = field(default_factory=set)
    _before: frozenset[int] = field(default_factory=lambda: frozenset(_servers()))

    def __call__(self) -> bool:
        """Return whether none has ended."""
        alive = _servers() - self._before
        self.seen |= alive
        return alive == self.seen


def _servers() -> set[int]:
    return {process for process in children(os.getpid()) if _is_server(process)}


def _is_server(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:  # ended since
        return False
    name, _, rest = status.partition("(")[2].rpartition(")")
    return name in ("gcs_server", "raylet") and rest.split()[0] != "Z"


def require_usable_machine() -> None:
    """Raise ConnectionError for what Ray would stumble over without naming it."""
    try:
        str(Path.cwd()).encode()
    except FileNotFoundError as error:
        raise ConnectionError(
            "the current folder is gone; start this in one that is there"
        ) from error
    except UnicodeEncodeError as error:
        raise ConnectionError(
            "the name of the current folder is no UTF-8, as Ray needs it; start this in another"
        ) from error
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5.0).close()
    except OSError as error:
        raise ConnectionError(
            f"nothing can be reached at 127.0.0.1 ({error.strerror or error}), over which Ray's "
            "processes talk; bring the loopback interface up: ip link set lo up"
        ) from error


def answers(address: str) -> bool:
    """Return whether what listens at ``host:port`` speaks HTTP/2, as Ray's servers do."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return True
            connection.sendall(_HELLO)
            return bool(connection.recv(1))
    except OSError:
        return False
