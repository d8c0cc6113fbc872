"""Breaks real runs on purpose and checks what the README promises; prints a Markdown table.

    python tests/faults/run.py [--times 1] [--only kill]

Each fault disturbs a real extraction or scoring of generated videos, which a plain rerun of the
same command then has to bring to exactly what an undisturbed run holds, value by value, with no
temporary file and no process left behind. Exits with 1 if anything is otherwise.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from command import ended, ended_by_signals, run
from moments import MOMENTS, READING, Moment, line_of, strike
from storage import storage_faults
from workbench import Workbench, changed, prepare, rerun

LAST = 120.0
"""Seconds that processes of killed runs may take to end: Ray's agents look for it for a minute."""

Trial = Callable[[Path], str]
"""Disturbs a run that writes to a folder; returns what was not as promised, empty if all was."""


def left_behind(out: Path, temporary: Path | None = None) -> str:
    """Say which temporary files of ours a run left; what libraries keep is not counted."""
    partial = [p.name for p in out.rglob(".partial-*")]
    if temporary:
        # Ray's folder of a killed run, which the next one clears; the cache of torch's compiler.
        theirs = ("dsanet-ray-", "torchinductor_")
        partial += [p.name for p in temporary.iterdir() if not p.name.startswith(theirs)]
    return f"temporary files {partial}" if partial else ""


def alive_after(processes: Sequence[psutil.Process], seconds: float) -> str:
    """Say which processes are still there after so many seconds."""
    deadline = time.monotonic() + seconds
    while (alive := [*filter(is_alive, processes)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return f"processes {[line_of(each)[:60] for each in alive]}" if alive else ""


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still works; one that waits to be buried does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kills(bench: Workbench, stage: str, victim: str, moments: Sequence[Moment]) -> Trial:
    """Return the trial that kills one kind of process at these moments, each of a run of its own.

    A run goes on where the one before was killed. One that lost a worker ends by itself, so that
    only a last moment may be a worker's.
    """

    def trial(out: Path) -> str:
        with tempfile.TemporaryDirectory(prefix="f-") as name:
            for moment in moments:
                before = bench.committed(stage, out)
                problem = one_kill(bench, stage, victim, moment, out, Path(name))
                if problem := problem or changed(before, bench.committed(stage, out)):
                    return f"{moment.words}: {problem}"
            return rerun(bench, stage, out) or left_behind(out, Path(name))

    return trial


def one_kill(
    bench: Workbench, stage: str, victim: str, moment: Moment, out: Path, temporary: Path
) -> str:
    """Kill a process of a run; return what was not as promised."""
    with tempfile.TemporaryDirectory() as at:
        sign = Path(at)
        process = run(getattr(bench, stage)(out), temporary, moment.environment(sign))
        struck, members = strike(process, victim, moment, sign, bench.videos)
        code, error = ended(process)
    bench.processes += members
    if not struck:
        return f"ended before its {victim} was killed: {error.strip()[-200:]}"
    if code is None:
        return "hung"
    expected = {"driver": -signal.SIGKILL, "raylet": 2}.get(victim, 0)
    return "" if code == expected else f"exit code {code}: {error.strip()[-200:]}"


def full_disk(bench: Workbench, stage: str) -> Trial:
    """Return the trial that has room for a few kB only, then gets more and goes on."""

    def trial(out: Path) -> str:
        mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(out)]
        subprocess.run(mount, check=True)
        try:
            code, error = ended(run(getattr(bench, stage)(out)))
            if code != 2 or not error.splitlines()[-1].startswith("error: cannot write"):
                return f"exit code {code}: {error[-200:]}"
            subprocess.run(["mount", "-o", "remount,size=64m", str(out)], check=True)
            return rerun(bench, stage, out) or left_behind(out)
        finally:
            subprocess.run(["umount", str(out)], check=True)

    return trial


def two_at_once(bench: Workbench, stage: str) -> Trial:
    """Return the trial that starts a command twice: one works, the other says who does."""

    def trial(out: Path) -> str:
        both = [run(getattr(bench, stage)(out)) for _ in range(2)]
        (first, _), (second, said) = sorted(
            (ended(process) for process in both), key=lambda result: result[0] or 0
        )
        if (first, second) != (0, 2) or "is in use by another run" not in said:
            return f"exit codes {first} and {second}: {said[-200:]}"
        return bench.differs(stage, out)

    return trial


def faults(bench: Workbench, times: int) -> Iterator[tuple[str, Sequence[Trial]]]:
    """Yield every fault's description and its trials."""
    for stage in ("extract", "score"):
        for victim in ("driver", "raylet"):
            trials = [kills(bench, stage, victim, MOMENTS[stage])] * times
            words = ", ".join(moment.words for moment in MOMENTS[stage])
            yield f"kill -9 of the {victim} of one {stage} after another: {words}", trials
        for moment in MOMENTS[stage]:
            trials = [kills(bench, stage, "shard worker", [moment])] * times
            yield f"kill -9 of the shard worker of {stage}: {moment.words}", trials
        trials = [kills(bench, stage, "decode worker", [READING])] * times
        yield f"kill -9 of a decode worker of {stage}: {READING.words}", trials
        if os.geteuid() == 0:
            yield f"disk full while it {stage}s (tmpfs)", [full_disk(bench, stage)]
        yield f"two drivers {stage} to one folder at once", [two_at_once(bench, stage)]
        yield from storage_faults(bench, stage)


def main() -> int:
    """Run the faults and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=1, help="how often each kill is tried")
    parser.add_argument("--only", default="", help="faults whose description has this in it")
    arguments = parser.parse_args()
    wrong, begun = 0, time.monotonic()
    with ended_by_signals(), tempfile.TemporaryDirectory(prefix="faults-") as name:
        bench = prepare(Path(name))
        tell(f"prepared in {time.monotonic() - begun:.0f} s\n")
        tell("| fault | times | as promised | seconds | otherwise |")
        tell("| --- | ---: | ---: | ---: | --- |")
        for name, trials in faults(bench, arguments.times):
            if arguments.only in name:
                wrong += row(bench, name, trials)
        if left := alive_after(bench.processes, LAST):
            wrong += 1
            tell(f"\nstill there {LAST:.0f} s after: {left}")
    tell(f"\n{time.monotonic() - begun:.0f} s in all")
    return 1 if wrong else 0


def row(bench: Workbench, name: str, trials: Sequence[Trial]) -> int:
    """Try one fault and print its row; return how often it went otherwise."""
    begun = time.monotonic()
    problems = [problem for trial in trials if (problem := attempt(bench, trial))]
    good, seconds = len(trials) - len(problems), time.monotonic() - begun
    tell(f"| {name} | {len(trials)} | {good} | {seconds:.0f} | {' / '.join(problems)} |")
    return len(problems)


def attempt(bench: Workbench, trial: Trial) -> str:
    """Run one trial in a folder of its own; return what went otherwise, as one line."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        return " ".join(trial(Path(name)).split())


def tell(*lines: str) -> None:
    """Write lines at once: a run takes long."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
