"""Puts away what a command could not: a process of its own that waits for the command's end.

``python -I -S guard.py FOLDER`` returns at once and stays in the background until its standard
input ends, which it does with the command, even where that is killed. What then still writes to
the folder is killed, and the folder is removed. It imports nothing but the standard library.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PATIENCE = 10.0  # seconds after which what cannot be removed stays for the next run to clear


def main(folder: Path) -> None:
    """Wait for the command's end, then put its folder away, if it is still there."""
    if os.fork():
        return
    os.setsid()  # signals to all of a terminal or a service are for the others
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 64):
        pass
    over = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < over:
        for process in _writers(folder):
            with suppress(OSError):  # ended since
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


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
    main(Path(sys.argv[1]))
