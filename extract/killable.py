"""Calls that decode, made in processes that can be killed.

A decoder is native code on hostile input, and may hang or crash. In a process of its own that costs
the picture that was wanted, and not the command. Extraction, which streams frames, has workers of
Ray for that.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import queue
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TypeVar

from extract.container import DecodeError

R = TypeVar("R")

DEADLINE = 120.0
"""Seconds that looking at a video may take, where nothing else is said."""

SLOWEST = 4.0
"""Seconds that decoding a second of video may take: 4K HEVC on one old core comes near it."""

# Not by multiprocessing, which imports the main module: one without a guard would run again.
_PROGRAM = """\
import sys
sys.path[:] = {path!r}
from extract.killable import serve
serve({descriptor})
"""


def killable(
    function: Callable[..., R], path: str, *arguments: object, deadline: float = DEADLINE
) -> R:
    """Return what ``function(path, *arguments)`` does, called in a process that can be killed.

    The function has to be found by its name; arguments, results and errors travel as pickles.

    Raises:
        DecodeError: It took longer than ``deadline`` seconds, or took its process down.
    """
    try:
        process = _idle.get_nowait()
    except queue.Empty:
        process = _Process()
    try:
        outcome = process.call(function, (path, *arguments), deadline)
    except TimeoutError:
        process.kill()
        reason = f"no answer within {deadline:.0f} s; decoder killed"
        raise DecodeError(f"{path}: {reason}") from None
    except (EOFError, ConnectionError):
        raise DecodeError(f"{path}: the decoder died ({process.kill()})") from None
    except BaseException:  # it is in the middle of something that nobody waits for any more
        process.kill()
        raise
    _idle.put(process)
    if isinstance(outcome, _Raised):
        raise outcome.error
    return outcome


def serve(descriptor: int) -> None:
    """Make the calls that come by a socket, until its other end is closed."""
    if sys.platform == "linux":
        # Ended by SIGIO once nobody holds the other end of our standard input: however the owner
        # ended, and whatever keeps us.
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, os.O_ASYNC)
    with Connection(descriptor) as calls, suppress(EOFError):
        while True:
            function, arguments = calls.recv()
            try:
                outcome = function(*arguments)
            except OSError as error:  # PyAV's do not come back from a pickle
                outcome = _Raised(OSError(error.errno, error.strerror))
            except Exception as error:  # noqa: BLE001 - raised where the call was made
                outcome = _Raised(error)
            calls.send(outcome)


@dataclass(frozen=True, slots=True)
class _Raised:
    """What comes in place of a result."""

    error: Exception


class _Process:
    """A process that makes one call after another for us."""

    def __init__(self) -> None:
        self._ours, theirs = Pipe()
        with theirs:
            program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for its owner
            )

    def call(
        self, function: Callable[..., R], arguments: tuple[object, ...], deadline: float
    ) -> R | _Raised:
        """Make a call and return what comes of it; TimeoutError where nothing does."""
        self._ours.send((function, arguments))
        if not self._ours.poll(deadline):
            raise TimeoutError
        outcome: R | _Raised = self._ours.recv()
        return outcome

    def kill(self) -> str:
        """End the process, and say how it had ended before if it had."""
        with suppress(subprocess.TimeoutExpired):  # one that died is buried a moment later
            self._process.wait(timeout=0.1)
        self._process.kill()
        code = self._process.wait()
        self._ours.close()
        assert self._process.stdin is not None, "it is a pipe"
        self._process.stdin.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


_idle: queue.LifoQueue[_Process] = queue.LifoQueue()  # one that is warm, not one long unused
_of_our_parent: list[_Process] = []


@atexit.register
def _close() -> None:
    with suppress(queue.Empty):
        while True:
            _idle.get_nowait().kill()


def _leave_to_our_parent() -> None:
    """Forget what was there before a fork: an answer to us would be taken for one to another."""
    global _idle  # the lock of the old one may be held by a thread that is not here
    _of_our_parent.extend(_idle.queue)
    _idle = queue.LifoQueue()


os.register_at_fork(after_in_child=_leave_to_our_parent)
