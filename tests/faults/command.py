"""Commands of the pipeline in processes of their own, none of which outlives its harness."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipeline.signals import SIGNALS
from pipeline.signals import run as run_to_its_end

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0  # seconds after which a command that has not ended by itself counts as hung


class Command:
    """A command of the pipeline in a process of its own, which begins with all of it imported.

    ``fresh`` begins with a new interpreter instead, as a user's does.
    """

    running: ClassVar[set[Command]] = set()

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, fresh: bool = False
    ) -> None:
        for name in ("cli", "stages.extract", "stages.score", "stages.train", "views.report.build"):
            import_module(f"pipeline.{name}")  # once, for all that are forked from here
        self._errors, name = tempfile.mkstemp()
        Path(name).unlink()
        self._process = multiprocessing.get_context("fork").Process(
            target=_become,
            args=(os.getpid(), list(arguments), self._errors, dict(environment), fresh),
        )
        self._process.start()
        self.running.add(self)
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """Kill it and all below it."""
        for each in family(self):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.join()
        self.running.discard(self)

    def ended(self) -> tuple[int | None, str]:
        """Wait for it; its exit code (None: it hung and was killed) and standard error."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is None:
            self.kill()
        self.running.discard(self)
        with os.fdopen(self._errors, "rb") as file:
            file.seek(0)
            return code, file.read().decode(errors="replace")


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the block by a signal as by an error, and no command outlives it."""
    for number in SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        for command in list(Command.running):
            command.kill()


def _become(
    parent: int,
    arguments: Sequence[str],
    errors: int,
    environment: Mapping[str, str],
    fresh: bool,
) -> None:
    from hook import sitecustomize

    from pipeline.cli import main

    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    _end_with(parent)
    os.setsid()
    os.chdir(ROOT)  # which Ray's workers import from
    os.environ.update(environment)
    tempfile.tempdir = None  # so that TMPDIR is looked up again
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(errors, 2)
    if fresh:
        os.execv(sys.executable, [sys.executable, "-m", "pipeline", *arguments])
    sitecustomize.install()
    run_to_its_end(lambda: main(arguments))


def _end_with(parent: int) -> None:
    """Have the kernel send SIGTERM when a process is gone, however it ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            sys.exit(128 + signal.SIGTERM)


def run(
    arguments: Sequence[str],
    temporary: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    fresh: bool = False,
) -> Command:
    """Start a command in a process group of its own, its error output kept.

    ``temporary`` is where it, and Ray, put temporary files; the path has to be short, since Ray's
    sockets lie there.
    """
    where = {"TMPDIR": str(temporary)} if temporary else {}
    environment = {"PYTHONPATH": str(ROOT)} | where | dict(environment or {})
    return Command(arguments, environment, fresh=fresh)


def family(process: Command) -> list[psutil.Process]:
    """Return a command's process and all below it."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def ended(process: Command) -> tuple[int | None, str]:
    """Wait for a command; its exit code (None: it hung and was killed) and standard error."""
    return process.ended()
