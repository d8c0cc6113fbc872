"""How much memory does each process of a run take at its peak, and what share of it is its own?

Runs a command (the demo by default) and samples every process below it. USS is what a process
alone holds: chunks of frames in Ray's object store are shared memory and counted once, as "store".
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil
from measuring import Figure, finish

_EVERY = 0.25  # seconds between two samples
_MEBIBYTE = 1 << 20


def kind_of(process: psutil.Process, root: int) -> str:
    """Return what a process is to the run: the driver, a worker of ours, or a part of Ray."""
    if process.pid == root:
        return "driver"
    try:
        line = process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return "Ray's own"
    title = line[0] if line else ""
    if title.startswith("ray::"):
        return title.split(".")[0].removeprefix("ray::")
    return "generator" if "spawn_main" in " ".join(line) else "Ray's own"


def memory_of(process: psutil.Process) -> tuple[int, int]:
    """Return (USS, shared) in bytes, zeros for a process that ended while it was looked at."""
    try:
        memory = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0, 0
    return memory.uss, memory.shared


def sample(root: psutil.Process) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the memory of each process below ``root`` and its own, by kind and id."""
    found = {}
    for process in [root, *root.children(recursive=True)]:
        memory = memory_of(process)
        if memory != (0, 0) and process.is_running():
            found[kind_of(process, root.pid), process.pid] = memory
    return found


def main() -> None:
    """Run, sample, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", nargs="*", help="default: the demo in a temporary folder")
    given = parser.parse_args().command
    with tempfile.TemporaryDirectory() as folder:
        command = given or [sys.executable, "-m", "pipeline", "demo", "--out", f"{folder}/out"]
        begun = time.monotonic()
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        root = psutil.Process(running.pid)
        peaks: dict[str, int] = defaultdict(int)
        store = 0
        while running.poll() is None:
            for (kind, _), (own, shared) in sample(root).items():
                peaks[kind] = max(peaks[kind], own)
                if kind == "ShardWorker":
                    store = max(store, shared)
            time.sleep(_EVERY)
    print(f"{'process':<14} peak of its own, MiB")
    for kind, peak in sorted(peaks.items(), key=lambda pair: -pair[1]):
        print(f"{kind:<14} {peak / _MEBIBYTE:8.0f}")
    if running.returncode:
        sys.exit(f"error: the command ended with exit code {running.returncode}")
    ours = {kind: peak for kind, peak in peaks.items() if kind != "Ray's own"}
    figures = [
        Figure(
            f"memory: {kind}, its own",
            peak / _MEBIBYTE,
            "MiB",
        )
        for kind, peak in sorted(ours.items())
    ]
    figures.append(Figure("memory: shared by a shard worker", store / _MEBIBYTE, "MiB"))
    figures.append(Figure("memory: the command", time.monotonic() - begun, "s"))
    finish("memory", {"command": [Path(command[0]).name, *command[1:3]]}, figures)


if __name__ == "__main__":
    main()
