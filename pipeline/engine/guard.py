"""Puts away what a command could not: a process of its own that waits for the command's end.

``python -I -S guard.py FOLDER COMMAND HEARD`` returns at once and stays in the background until its
standard input ends, which it does with the command, even where that is killed. What then still
writes to the folder is killed, and the folder is removed; where the command did that itself, it
does nothing. It imports nothing but the standard library.

A command that does not hear a signal is ended by it: Python's own handler writes each to the pipe
``HEARD``, also while native code holds Python's lock, and the command reads it once that is over.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PATIENCE = 10.0  # seconds after which what cannot be removed stays for the next run to clear
_DEAF = 8.5  # seconds that a signal may stay unheard: whoever sends it kills after ten
_LOOK = 0.25  # seconds between two looks at whether one does


def main(folder: Path, command: int, heard: int | None) -> None:
    """Wait for the command's end, then put its folder away, if it is still there."""
    if os.fork():
        return
    os.setsid()  # signals to all of a terminal or a service are for the others
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _wait(command, heard)
    if not folder.exists():
        return  # put away by the command itself, which may live on
    over = time.monotonic() + _PATIENCE
    while ((writers := list(_writers(folder))) or folder.exists()) and time.monotonic() < over:
        for process in writers:
            with suppress(OSError):  # ended since
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


def _wait(command: int, heard: int | None) -> None:
    """Return at the command's end, which SIGALRM brings about where it stays deaf to a signal."""
    since = None
    while True:
        ended, _, _ = select.select([0], [], [], None if heard is None else _LOOK)
        if ended and not os.read(0, 64):
            return
        if heard is None or not select.select([heard], [], [], 0)[0]:
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since > _DEAF:
            with suppress(OSError):  # ended since
                os.kill(command, signal.SIGALRM)


def _writers(folder: Path) -> Iterator[int]:
    """Yield the processes that have a file below a folder open for writing, as logs are."""
    for process in Path("/proc").glob("[1-9]*"):
        with suppress(OSError):  # ended since, or another user's
            if any(_is_written(process / "fd" / n.name, folder) for n in process.glob("fd/*")):
                yield int(process.name)


def _is_written(descriptor: Path, folder: Path) -> bool:
    with suppress(OSError):  # closed since
        if descriptor.readlink().is_relative_to(folder):
            stated = (descriptor.parents[1] / "fdinfo" / descriptor.name).read_text()
            flags = next(line for line in stated.splitlines() if line.startswith("flags:"))
            return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
