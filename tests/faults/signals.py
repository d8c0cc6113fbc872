"""Ends every command by every signal at many moments and checks how it ends; prints a table.

    python tests/faults/signals.py [--moments 5] [--only watch plot]

A signal has to end a command within ten seconds with 128 + its number and one line, or `watch` with
0, and leave no process and no temporary file. The first moment is of a new interpreter that is
importing, the others of what a command does then. One that the kernel ended, since native code held
Python's lock, is counted apart. Exits with 1 if anything is otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import large
import psutil
from command import Command, ended, ended_by_signals, family, run
from run import is_alive, left_behind, tell
from workbench import Workbench, prepare

LONGEST = 10.0  # seconds that a command may take to end
IMPORTS = (0.5, 4.0)  # seconds of a new interpreter in which a signal is ours and nothing is done
EARLY = 1.5  # seconds in which, on a busy machine, Python itself may still begin
AT_END = 0.5  # seconds after a signal in which a command may have been at its end anyhow
TWICE = 0.8  # seconds between two signals
WATCHED = 25.0  # seconds that a watch may take: its videos are scored before
COPIES = 4000  # names of one video, so that looking at them takes a while
AT_ONCE = 3.0  # seconds after a second one: while a library is loaded nothing else can run


@dataclass(frozen=True)
class Kind:
    """A signal, and how it is sent: to the command alone or to all its processes, once or twice."""

    number: signal.Signals
    everyone: bool = False
    twice: bool = False

    def send(self, process: Command) -> None:
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
    "Ctrl-C twice (SIGINT to all)": Kind(signal.SIGINT, everyone=True, twice=True),
}

Line = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Outcome:
    """How a command ended: after how long, with which code, and what was not as promised."""

    seconds: float
    code: int | None
    problem: str


def commands(bench: Workbench) -> dict[str, Line]:
    """Return the commands, each as what makes its line for a folder to write to."""
    calm, video = bench.folder / "calm", min((bench.videos / "test").glob("*.mp4"))

    def copied(out: Path) -> Path:
        return Path(shutil.copytree(calm, out, dirs_exist_ok=True))

    def line(*parts: object) -> list[str]:
        return [*map(str, parts)]

    many = bench.folder / "many"
    many.mkdir()
    for number in range(COPIES):
        (many / f"{number}.mp4").hardlink_to(video)
    training = large.prepare(bench.folder / "large")

    videos = ("--videos", bench.videos / "test")
    train = ("--dataset", "synthetic", "--batch", "2", "--out")
    return {
        "extract": bench.extract,
        "score": bench.score,
        "watch": lambda out: line(
            *("watch", bench.videos / "test", "--checkpoint", bench.checkpoint),
            *("--settle", "0.5", "--out", out / "scores"),
        ),
        "train": lambda out: line("train", *train, copied(out), "--force", "--epochs", "60"),
        "train, of CLIP's size": lambda out: [*training, "--force", "--name", out.name],
        "ablate": lambda out: line("ablate", *train, copied(out), "--epochs", "2", "--seeds", "1"),
        "evaluate": lambda out: line("evaluate", "--out", copied(out)),
        "report": lambda out: line(
            *("report", "--scores", copied(out) / "scores", *videos, "--proxies")
        ),
        "plot": lambda out: line(
            *("plot", video.name, "--scores", copied(out) / "scores", *videos),
            *("--overlay", out / "overlay.mp4"),
        ),
        "demo": lambda out: line("demo", "--out", out),
        "check-data": lambda out: line("check-data", many, "--dataset", "folder", "--out", out),
        "verify": lambda out: line("verify", copied(out)),
    }


def attempt(line: Line, kind: Kind, wait: float, *, fresh: bool) -> Outcome | None:
    """End a command after a while and say how it ended; None where it did by itself before."""
    with (
        tempfile.TemporaryDirectory(prefix="f-") as temporary,
        tempfile.TemporaryDirectory(prefix="f-") as out,
    ):
        arguments = line(Path(out))
        process = run(arguments, Path(temporary), fresh=fresh)
        members: dict[int, psutil.Process] = {}
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < wait:
            members |= {member.pid: member for member in family(process)}
            time.sleep(min(0.3, max(0.0, begun + wait - time.monotonic())))
        sent, is_over = time.monotonic(), process.poll() is not None
        if not is_over:
            kind.send(process)
        code, error = ended(process)
        seconds = time.monotonic() - sent
        is_early = code == -kind.number and wait < EARLY
        if is_over or is_early or (code == 0 and seconds < AT_END):
            return None
        while time.monotonic() - sent < LONGEST and any(map(is_alive, members.values())):
            time.sleep(0.1)
        problems = [f"process {each.name()}" for each in members.values() if is_alive(each)]
        if not kind.twice:
            problems.append(left_behind(Path(out), Path(temporary)))
            problems += [str(folder) for folder in Path(temporary).glob("dsanet-ray-*")]
        is_alarm = code == -signal.SIGALRM
        promised = (128 + kind.number, 0) if arguments[0] == "watch" else (128 + kind.number,)
        if code not in promised and not is_alarm:
            problems.append(f"exit code {code}")
        if seconds > (TWICE + AT_ONCE if kind.twice and not is_alarm else LONGEST):
            problems.append(f"{seconds:.1f} s to end")
        said = [line for line in error.splitlines() if line.startswith(("Traceback", "***"))]
        if said or (code and not is_alarm and error.count("the same command goes on") != 1):
            problems.append(f"said {error[-300:]}")
        return Outcome(seconds, code, "; ".join(filter(None, problems)))


def main() -> int:
    """Try all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--moments", type=int, default=5, help="of each signal and command")
    parser.add_argument("--only", nargs="*", help="these commands, by their names in the table")
    arguments = parser.parse_args()
    with ended_by_signals(), tempfile.TemporaryDirectory(prefix="f-") as folder:
        return try_all(prepare(Path(folder)), arguments.moments, arguments.only)


def try_all(bench: Workbench, moments: int, only: Sequence[str] | None) -> int:
    """Print a row for every command and signal; return 1 if anything was not as promised."""
    wrong = 0
    tell("| command | signal | moments | as promised | by the kernel | longest end | otherwise |")
    tell("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for name, line in commands(bench).items():
        if only and name not in only:
            continue
        whole = undisturbed(line) if name != "watch" else WATCHED
        for order, (label, kind) in enumerate(KINDS.items()):
            place = (3 * order % len(KINDS) + 0.5) / len(KINDS)  # not always the first the earliest
            outcomes = [end(line, kind, IMPORTS[0] + place * (IMPORTS[1] - IMPORTS[0]), fresh=True)]
            for each in range(moments - 1):
                wait = 0.9 * whole * (each + place) / (moments - 1)
                outcomes.append(end(line, kind, wait, fresh=False))
            tell(row(name, label, outcomes))
            wrong += any(outcome.problem for _, outcome in outcomes)
    return 1 if wrong else 0


def end(line: Line, kind: Kind, wait: float, *, fresh: bool) -> tuple[float, Outcome]:
    """End a command, earlier where it was over before; return when, and how it ended."""
    while not (outcome := attempt(line, kind, wait, fresh=fresh)):
        wait = wait * 0.7 if wait > 0.2 else wait + 0.3
    return wait, outcome


def row(name: str, label: str, outcomes: Sequence[tuple[float, Outcome]]) -> str:
    """Return a row of the table."""
    problems = [
        f"after {wait:.1f} s: {' '.join(outcome.problem.split())}"
        for wait, outcome in outcomes
        if outcome.problem
    ]
    codes = Counter(outcome.code for _, outcome in outcomes)
    longest = max(outcome.seconds for _, outcome in outcomes)
    why = " / ".join(problems).replace("|", "\\|")
    cells = (name, label, len(outcomes), len(outcomes) - len(problems), codes[-signal.SIGALRM])
    return f"| {' | '.join(map(str, cells))} | {longest:.1f} s | {why} |"


def undisturbed(line: Line) -> float:
    """Return how many seconds a command takes by itself."""
    with tempfile.TemporaryDirectory(prefix="f-") as out:
        arguments = line(Path(out))
        begun = time.monotonic()
        code, error = ended(run(arguments))
        if code:
            raise SystemExit(f"the undisturbed run failed: {error}")
        return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
