"""Breaks real runs on purpose and checks what the README promises; prints a Markdown table.

    python tests/faults/run.py [--times 1] [--only kill]

Each fault disturbs a real extraction or scoring of generated videos, which a plain rerun of the
same command then has to bring to exactly what an undisturbed run holds, value by value, with no
temporary file and no process left behind. Exits with 1 if anything is otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from moments import MOMENTS, READING, VICTIMS, Moment, strike
from storage import storage_faults
from workbench import Workbench, ended, prepare, rerun, run

Trial = Callable[[Path], str]
"""Disturbs a run that writes to a folder; returns what was not as promised, empty if all was."""


def left_behind(out: Path, members: list[psutil.Process], temporary: Path | None = None) -> str:
    """Say what a run left: temporary files of ours, or processes a minute after its end.

    What libraries keep in folders of their own is not counted.
    """
    partial = [p.name for p in out.rglob(".partial-*")]
    if temporary:
        # Ray's folder of a killed run, which the next one clears; the cache of torch's compiler.
        theirs = ("dsanet-ray-", "torchinductor_")
        partial += [p.name for p in temporary.iterdir() if not p.name.startswith(theirs)]
    if partial:
        return f"temporary files {partial}"
    deadline = time.monotonic() + 60
    while (alive := [m.pid for m in members if is_alive(m)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return f"processes {alive}" if alive else ""


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still works; one that waits to be buried does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(bench: Workbench, stage: str, victim: str, moment: Moment) -> Trial:
    """Return the trial that kills one kind of process, then runs the command again."""

    def trial(out: Path) -> str:
        with tempfile.TemporaryDirectory(prefix="f-") as name, tempfile.TemporaryDirectory() as at:
            temporary, sign = Path(name), Path(at)
            process = run(getattr(bench, stage)(out), temporary, moment.environment(sign))
            struck, members = strike(process, victim, moment, sign, bench.videos)
            code, error = ended(process)
            if not struck:
                return f"ended before its {victim} was killed: {error.strip()[-200:]}"
            if code is None:
                return "hung"
            if victim in ("decode worker", "shard worker") and code != 0:
                return f"exit code {code}: {error.strip()[-200:]}"
            return rerun(bench, stage, out) or left_behind(out, members, temporary)

    return trial


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
            return rerun(bench, stage, out) or left_behind(out, [])
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
        for victim in VICTIMS:
            moments = [READING] if victim == "decode worker" else MOMENTS[stage]
            for moment in moments:
                trials = [kill(bench, stage, victim, moment)] * times
                yield f"kill -9 of the {victim} when a run that {stage}s {moment.words}", trials
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
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    wrong = 0
    try:
        bench = prepare(folder)
        tell("| fault | times | as promised | otherwise |", "| --- | ---: | ---: | --- |")
        for name, trials in faults(bench, arguments.times):
            if arguments.only in name:
                problems = [problem for trial in trials if (problem := attempt(bench, trial))]
                wrong += len(problems)
                good = len(trials) - len(problems)
                tell(f"| {name} | {len(trials)} | {good} | {' / '.join(problems)} |")
    finally:
        shutil.rmtree(folder)
    return 1 if wrong else 0


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
