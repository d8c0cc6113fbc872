"""How a command ends before its time: by Ctrl-C, SIGTERM, SIGHUP, or because it cannot go on.

The first signal raises KeyboardInterrupt in the main thread, so that everything is put away as it
is after any error. Where that takes too long, or at a second signal, the process ends at once; and
where native code holds Python's lock, so that nothing of ours can run, the kernel ends it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command: the terminal, whoever runs programs for others, a terminal that closed."""

GRACE = 7.0
"""Seconds from a signal to the end: whoever sends SIGTERM often kills ten seconds later."""

_LAST = 9.0
"""Seconds from the first reason to the end by SIGALRM, whatever the process does (142)."""

_CLEARING = 10.0  # seconds that the end itself may take, on a machine with other work

_ECHO = 0.5  # seconds in which a signal may come twice: `timeout` and make pass on what all got

_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar hides


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the command ends: its exit code, the line for the user, and how soon it has to."""

    code: int
    line: str
    grace: float
    since: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Return the seconds that are left for putting things away."""
        return max(0.0, self.since + self.grace - time.monotonic())


@dataclass(slots=True)
class _Process:
    """What is known of this process: why it ends, if it does, and what it has to take along."""

    ending: Ending | None = None
    unheard: int | None = None
    interrupted: bool = False
    folders: set[Path] = field(default_factory=set)


_this = _Process()
_the_end = threading.Lock()  # of whichever thread comes first, and never released


def run(program: Callable[[], object]) -> None:
    """Run a program that ends by itself, or by :data:`SIGNALS` with 128 + the signal's number.

    A signal that was ignored when the process began, as `nohup` has it, stays ignored.
    """
    _listen()
    try:
        program()
    except BaseException as error:
        if _this.ending is None:
            raise
        # Not by the interpreter's own end, which waits for threads that may be stuck.
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            _end(error.code)  # the program said itself how it ended
        _end(_this.ending.code, _this.ending.line)


def ending() -> Ending | None:
    """Return why the command ends before its time, or None while it does not."""
    return _this.ending


def unheard_signals() -> int | None:
    """Return the pipe into which Python's handler writes signals until they are heard, if any."""
    return _this.unheard


def interrupt_main(code: int, line: str, grace: float) -> None:
    """Raise KeyboardInterrupt in the main thread, from another; a command ends as by a signal."""
    if _this.ending is not None:
        return
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if handler is _on_signal:
            _begin(Ending(code, line, grace))
        if callable(handler):
            os.kill(os.getpid(), number)  # only a real one wakes a thread that waits
            return


@contextmanager
def removed_at_the_end(folder: Path) -> Iterator[None]:
    """Remove a folder when the block ends, or the process does without leaving the block."""
    _this.folders.add(folder)
    try:
        yield
    finally:
        _remove(folder)
        if not folder.exists():  # else again once the processes that write to it are gone
            _this.folders.discard(folder)


def children(process: int) -> list[int]:
    """Return the processes that one started; none where the system lists them nowhere (macOS)."""
    found: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # ended since
            found += map(int, listed.read_text().split())
    return found


def descendants(process: int) -> list[int]:
    """Return all processes below one, as far as :func:`children` are listed."""
    return [each for child in children(process) for each in (child, *descendants(child))]


def kill_descendants() -> None:
    """Kill all processes below this one."""
    for child in descendants(os.getpid()):
        with suppress(OSError):  # ended since
            os.kill(child, signal.SIGKILL)


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Keep the handlers of all signals, whatever a library would do to them in the block."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set any
        return
    set_handler, handlers = signal.signal, {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal = lambda signalnum, handler: signal.getsignal(signalnum)
    try:
        yield
    finally:
        signal.signal = set_handler
        for number, handler in handlers.items():  # native code may have put its own there
            signal.signal(number, handler)


def _listen() -> None:
    reader, writer = os.pipe()
    _this.unheard = reader
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.unraisablehook = _on_unraisable
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()


def _on_unraisable(problem: sys.UnraisableHookArgs) -> None:
    """Interrupt the main thread again where a finaliser was interrupted, which stops nothing."""
    if _this.ending is None or problem.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(problem)
        return
    _this.ending, _this.interrupted = replace(_this.ending, since=time.monotonic()), False
    # Later, from another thread: here it would come to nothing as well.
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()


def _on_signal(number: int, _: FrameType | None) -> None:
    """Interrupt the main thread, once: a second exception would disturb the putting away."""
    _begin(_this.ending or _ending_by(number))
    if not _this.interrupted:
        _this.interrupted = True
        raise KeyboardInterrupt


def _watch(reader: int) -> None:
    """End the process when its time is over or at a second signal, whatever the main thread does.

    That thread alone runs the handlers, and not before it is out of native code.
    """
    while True:
        left = _this.ending.left() if _this.ending else None
        ready, _, _ = select.select([reader], [], [], left)
        numbers = [number for number in os.read(reader, 64) if number in SIGNALS] if ready else []
        if _this.ending is None and numbers:
            _begin(_ending_by(numbers[0]))
        if _this.ending is not None:
            is_echo = time.monotonic() - _this.ending.since < _ECHO
            if not _this.ending.left() or (numbers and not is_echo):
                _end(_this.ending.code, _this.ending.line)


def _begin(ending: Ending) -> None:
    _this.ending = ending
    signal.setitimer(signal.ITIMER_REAL, max(_LAST, ending.grace + 2.0))


def _ending_by(number: int) -> Ending:
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    line = f"{how}; what was committed stays, the same command goes on"
    return Ending(128 + number, line, GRACE)


def _end(code: int, line: str = "") -> NoReturn:
    """Leave the process with a code and a line, without anything that could take time."""
    _the_end.acquire()
    signal.setitimer(signal.ITIMER_REAL, _CLEARING)
    with suppress(OSError, ValueError):  # whoever read our output may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    if line:
        with suppress(OSError):
            os.write(2, f"{_SHOW_CURSOR if os.isatty(2) else ''}{line}\n".encode())
    kill_descendants()
    for folder in list(_this.folders):  # the main thread may still put some away
        _remove(folder)
    os._exit(code)


def _remove(folder: Path) -> None:
    """Remove a folder into which processes that are about to end may still write."""
    for _ in range(10):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
