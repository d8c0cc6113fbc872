"""Breaks real runs on purpose and checks what the README promises; prints a Markdown table.

    python tests/faults/run.py [--times 5] [--only kill]

Each fault disturbs a real extraction or scoring of generated videos, which a plain rerun of the
same command then has to bring to exactly what an undisturbed run holds, value by value, with no
temporary file and no process left behind. Exits with 1 if anything is otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from workbench import PATIENCE, Workbench, ended, family, prepare, run

VICTIMS = {
    "driver": "-m pipeline",
    "decode worker": "ray::DecodeWorker",
    "shard worker": "ray::ShardWorker",
    "raylet": "raylet/raylet",
}


@dataclass
class Outcome:
    """One fault: how often it was tried, how often all went as promised, and what did not."""

    fault: str
    times: int = 0
    good: int = 0
    notes: str = ""


def left_behind(out: Path, members: list[psutil.Process]) -> str:
    """Say what a run left: temporary files, or processes a minute after its end."""
    partial = [p.name for p in out.rglob(".partial-*")]
    if partial:
        return f"temporary files {partial}"
    _, alive = psutil.wait_procs(members, timeout=60)
    return f"processes {[p.pid for p in alive]}" if alive else ""


def kill(bench: Workbench, stage: str, victim: str, times: int) -> Outcome:
    """Kill one kind of process at random moments of a stage, then run the command again."""
    outcome = Outcome(f"kill -9 of the {victim} while it {stage}s")
    chance = random.Random(f"{stage} {victim}")
    for _ in range(times):
        outcome.times += 1
        with tempfile.TemporaryDirectory(dir=bench.folder) as name:
            out = Path(name)
            command = getattr(bench, stage)(out)
            process = run(command)
            members = strike(process, VICTIMS[victim], chance.uniform(0.0, 6.0))
            code, error = ended(process)
            problem = "hung" if code is None else ""
            if victim in ("decode worker", "shard worker") and code != 0:
                problem = f"exit code {code}: {error.strip()[-200:]}"
            again, error = ended(run(command))
            problem = problem or ("" if again == 0 else f"rerun gave {again}: {error[-200:]}")
            problem = problem or bench.differs(stage, out) or left_behind(out, members)
        outcome.good += not problem
        outcome.notes = outcome.notes or problem
    return outcome


def strike(process: subprocess.Popen[str], pattern: str, wait: float) -> list[psutil.Process]:
    """Kill one process of a command whose line has ``pattern``, a while after there is one."""
    begun, seen = time.monotonic(), None
    members: dict[int, psutil.Process] = {}
    while process.poll() is None and time.monotonic() - begun < PATIENCE:
        for member in family(process):
            members[member.pid] = member
        hit = [m for m in members.values() if m.is_running() and pattern in line_of(m)]
        if hit and seen is None:
            seen = time.monotonic()
        if hit and seen is not None and time.monotonic() - seen >= wait:
            os.kill(hit[0].pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    return list(members.values())


def line_of(process: psutil.Process) -> str:
    """Return a process's command line, empty for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return ""


def full_disk(bench: Workbench, stage: str, times: int) -> Outcome:
    """Let no file grow over 20 kB, as a full disk would; the command has to say so and end."""
    outcome = Outcome(f"no room for results while it {stage}s (RLIMIT_FSIZE)")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    for _ in range(times):
        outcome.times += 1
        with tempfile.TemporaryDirectory(dir=bench.folder) as name:
            out = Path(name)
            command = getattr(bench, stage)(out)
            environment = {**os.environ, "RAY_enable_object_spilling": "0"}
            code, error = ended(run(command, preexec_fn=limit, env=environment))
            said = "cannot write" in error or "ray" in error.lower()
            problem = "" if code not in (0, None) and said else f"{code}: {error[-200:]}"
            again, error = ended(run(command))
            problem = problem or ("" if again == 0 else f"rerun gave {again}: {error[-200:]}")
            problem = problem or bench.differs(stage, out)
        outcome.good += not problem
        outcome.notes = outcome.notes or problem
    return outcome


def two_at_once(bench: Workbench, stage: str, times: int) -> Outcome:
    """Start the same command twice: one works, the other says who holds the folder."""
    outcome = Outcome(f"two drivers {stage} to one folder at once")
    for _ in range(times):
        outcome.times += 1
        with tempfile.TemporaryDirectory(dir=bench.folder) as name:
            out = Path(name)
            both = [run(getattr(bench, stage)(out)) for _ in range(2)]
            results = sorted((ended(process) for process in both), key=lambda r: r[0] or 0)
            codes = [code for code, _ in results]
            said = "in use" in results[1][1] or "another process" in results[1][1].lower()
            problem = "" if codes == [0, 2] and said else f"{codes}: {results[1][1][-200:]}"
            problem = problem or bench.differs(stage, out)
        outcome.good += not problem
        outcome.notes = outcome.notes or problem
    return outcome


def faults(bench: Workbench, times: int) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    """Yield every fault by name."""
    for stage in ("extract", "score"):
        for victim in VICTIMS:
            yield f"kill {stage} {victim}", lambda s=stage, v=victim: kill(bench, s, v, times)
        yield f"full {stage}", lambda s=stage: full_disk(bench, s, 1)
        yield f"two {stage}", lambda s=stage: two_at_once(bench, s, 1)


def main() -> int:
    """Run the faults and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=5, help="moments at which each is killed")
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    wrong = 0
    try:
        bench = prepare(folder)
        sys.stdout.write(
            "| fault | times | as promised | otherwise |\n| --- | ---: | ---: | --- |\n"
        )
        for name, provoke in faults(bench, arguments.times):
            if arguments.only in name:
                seen = provoke()
                wrong += seen.good < seen.times
                line = f"| {seen.fault} | {seen.times} | {seen.good} | {seen.notes} |"
                sys.stdout.write(line.replace("\n", " ") + "\n")
                sys.stdout.flush()
    finally:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
