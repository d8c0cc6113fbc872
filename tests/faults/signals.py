"""Ends every command by every signal at many moments and checks how it ends; prints a table.

    python tests/faults/signals.py [--moments 3] [--only watch]

A signal has to end a command within ten seconds with 128 + its number and one line, or `watch` with
0, and leave no process and no temporary file. Exits with 1 if anything is otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from run import is_alive, left_behind, tell
from workbench import Workbench, ended, family, prepare, run

LONGEST = 10.0  # seconds that a command may take to end
START = 0.5  # seconds in which Python itself starts, and a signal is not ours yet
TWICE = 0.8  # seconds between two signals
WATCHED = 40.0  # seconds that a watch may take: its videos are scored before
AT_ONCE = 3.0  # seconds after a second one: while a library is loaded nothing else can run


@dataclass(frozen=True)
class Kind:
    """A signal, and how it is sent: to the command alone or to all its processes, once or twice."""

    number: signal.Signals
    everyone: bool = False
    twice: bool = False

    def send(self, process: subprocess.Popen[str]) -> None:
        """Send it."""
        for again in range(1 + self.twice):
            if again:
                time.sleep(TWICE)
            if process.poll() is None:
                (os.killpg if self.everyone else os.kill)(process.pid, self.number)


KINDS = {
    "SIGINT": Kind(signal.SIGINT),
    "SIGTERM": Kind(signal.SIGTERM),
    "SIGHUP": Kind(signal.SIGHUP),
    "Ctrl-C (SIGINT to all)": Kind(signal.SIGINT, everyone=True),
    "service stopped (SIGTERM to all)": Kind(signal.SIGTERM, everyone=True),
    "terminal closed (SIGHUP to all)": Kind(signal.SIGHUP, everyone=True),
    "SIGTERM twice": Kind(signal.SIGTERM, twice=True),
}

Command = Callable[[Path], list[str]]


def commands(bench: Workbench) -> dict[str, Command]:
    """Return the commands, each as what makes its line for a folder to write to."""
    calm, video = bench.folder / "calm", min((bench.videos / "test").glob("*.mp4"))

    def copied(out: Path) -> Path:
        return Path(shutil.copytree(calm, out, dirs_exist_ok=True))

    def line(*parts: object) -> list[str]:
        return [sys.executable, "-m", "pipeline", *map(str, parts)]

    train = ("--dataset", "synthetic", "--batch", "2", "--out")
    return {
        "extract": bench.extract,
        "score": bench.score,
        "watch": lambda out: line(
            *("watch", bench.videos / "test", "--checkpoint", bench.checkpoint),
            *("--settle", "0.5", "--out", out / "scores"),
        ),
        "train": lambda out: line("train", *train, copied(out), "--force", "--epochs", "300"),
        "ablate": lambda out: line("ablate", *train, copied(out), "--epochs", "2", "--seeds", "1"),
        "evaluate": lambda out: line("evaluate", "--out", copied(out)),
        "report": lambda out: line("report", "--scores", copied(out) / "scores", "--proxies"),
        "plot": lambda out: line(
            *("plot", video.name, "--scores", copied(out) / "scores"),
            *("--overlay", out / "overlay.mp4"),
        ),
        "demo": lambda out: line("demo", "--out", out),
        "check-data": lambda out: line(
            *("check-data", bench.videos, "--dataset", "synthetic", "--out", out)
        ),
        "verify": lambda out: line("verify", copied(out)),
    }


def attempt(name: str, command: Command, kind: Kind, wait: float) -> tuple[float, str] | None:
    """End a command after a while; return how long it took, and what was not as promised.

    None where the command ended by itself before.
    """
    with (
        tempfile.TemporaryDirectory(prefix="f-") as temporary,
        tempfile.TemporaryDirectory(prefix="f-") as out,
    ):
        process = run(command(Path(out)), Path(temporary))
        members: dict[int, psutil.Process] = {}
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < wait:
            members |= {member.pid: member for member in family(process)}
            time.sleep(0.05)
        if process.poll() is not None:
            process.communicate()
            return None
        sent = time.monotonic()
        kind.send(process)
        code, error = ended(process)
        seconds = time.monotonic() - sent
        if code == -kind.number:  # Python itself was still beginning, or ending already
            return None
        problems = []
        stops = (128 + kind.number, 0) if name == "watch" else (128 + kind.number,)
        if code not in stops:
            problems.append(f"exit code {code}")
        if seconds > (TWICE + AT_ONCE if kind.twice else LONGEST):
            problems.append(f"{seconds:.1f} s to end")
        lines = [line for line in error.splitlines() if line.strip()]
        if any("Traceback" in line or line.startswith("***") for line in lines):
            problems.append(f"said {error[-300:]}")
        while time.monotonic() - sent < LONGEST and any(map(is_alive, members.values())):
            time.sleep(0.1)
        if alive := [each.name() for each in members.values() if is_alive(each)]:
            problems.append(f"processes {alive}")
        if not kind.twice:
            problems.append(left_behind(Path(out), [], Path(temporary)))
            problems += [str(folder) for folder in Path(temporary).glob("dsanet-ray-*")]
        return seconds, "; ".join(filter(None, problems))


def main() -> int:
    """Try all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--moments", type=int, default=3, help="of each signal and command")
    parser.add_argument("--only", default="", help="commands whose name has this in it")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="f-"))
    try:
        return try_all(prepare(folder), arguments.moments, arguments.only)
    finally:
        shutil.rmtree(folder)


def try_all(bench: Workbench, moments: int, only: str) -> int:
    """Print a row for every command and signal; return 1 if anything was not as promised."""
    wrong = 0
    tell("| command | signal | moments | as promised | longest end | otherwise |")
    tell("| --- | --- | ---: | ---: | ---: | --- |")
    for name, command in commands(bench).items():
        if only not in name:
            continue
        whole = undisturbed(command) if name != "watch" else WATCHED
        for order, (label, kind) in enumerate(KINDS.items()):
            place = (3 * order % len(KINDS) + 0.5) / len(KINDS)  # not always the first the earliest
            share = [(each + place) / moments for each in range(moments)]
            waits = [START + 0.9 * whole * part for part in share]
            outcomes = [attempt(name, command, kind, wait) for wait in waits]
            tell(row(name, label, waits, outcomes))
            wrong += any(problem for _, problem in filter(None, outcomes))
    return 1 if wrong else 0


def row(
    name: str, label: str, waits: Sequence[float], outcomes: Sequence[tuple[float, str] | None]
) -> str:
    """Return a row of the table."""
    tried = [outcome for outcome in outcomes if outcome]
    problems = [
        f"after {wait:.1f} s: {' '.join(outcome[1].split())}"
        for wait, outcome in zip(waits, outcomes, strict=True)
        if outcome and outcome[1]
    ]
    good, longest = len(tried) - len(problems), max((seconds for seconds, _ in tried), default=0.0)
    why = " / ".join(problems).replace("|", "\\|")
    return f"| {name} | {label} | {len(tried)} | {good} | {longest:.1f} s | {why} |"


def undisturbed(command: Command) -> float:
    """Return how many seconds a command takes by itself."""
    with tempfile.TemporaryDirectory(prefix="f-") as out:
        line = command(Path(out))
        begun = time.monotonic()
        code, error = ended(run(line))
        if code:
            raise SystemExit(f"the undisturbed run failed: {error}")
        return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
