"""Stops a run at one moment of its commits, wherever among its processes that is.

Every Python below the harness loads this by its name. The interpreter reports each call that makes,
renames or removes a file before it is made; the process that comes to the moment says so by a file
and waits there, with its commit, until it is killed or let go on.
"""

import os
import re
import sys
import time
from contextlib import suppress

EVENTS = {"begun": "open", "written": "os.rename", "committed": "os.remove"}


def install() -> None:
    """Watch for the moment that the environment names; nothing where it names none."""
    if "FAULT_MOMENT" not in os.environ:
        return
    wanted = EVENTS[os.environ["FAULT_MOMENT"]]
    file = re.compile(os.environ["FAULT_FILE"])
    sign, which = os.environ["FAULT_SIGN"], int(os.environ["FAULT_COUNT"])

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event != wanted or not isinstance(arguments[0], str | os.PathLike):
            return
        if not file.search(os.fspath(arguments[0])):
            return
        if event == "open" and not arguments[2] & os.O_EXCL:
            return
        if count(sign) == which:
            os.close(os.open(f"{sign}/here", os.O_CREAT))
            while not os.path.exists(f"{sign}/go"):  # noqa: PTH110 - nothing is imported in a hook
                time.sleep(0.01)

    sys.addaudithook(hook)


def count(sign: str) -> int:
    """Return how often a moment has come, over all processes."""
    number = 1
    while True:
        with suppress(FileExistsError):
            os.close(os.open(f"{sign}/{number}", os.O_CREAT | os.O_EXCL))
            return number
        number += 1


install()
