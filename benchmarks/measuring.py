"""What the benchmarks have in common: turns, medians, and the record of where they were taken.

Ways to do one thing take turns in one process, so that other work on the machine meets them alike.
Processor seconds stand beside wall seconds: they say what a quiet machine would.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# As the command line does it: threads that spin while they wait disturb what runs beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

Name = TypeVar("Name", bound=str)

_PACKAGES = ("torch", "numpy", "ray", "av", "decord2", "h5py", "pyarrow", "open_clip_torch")


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians of one way's rounds: wall seconds, and seconds of all cores that were spent."""

    wall: float
    processor: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One answer: its name, value and unit, the least or most that was aimed at (or neither)."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def aim(self) -> str:
        """The aim in words, and whether it is reached."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {'yes' if self.value >= self.at_least else 'NO'}"
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {'yes' if self.value <= self.at_most else 'NO'}"
        return ""


def once(call: Callable[[], object]) -> Timing:
    """Return what one call takes."""
    begun, spent = time.perf_counter(), time.process_time()
    call()
    return Timing(time.perf_counter() - begun, time.process_time() - spent, 1)


def take_turns(ways: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, Timing]:
    """Return each way's medians over some rounds, in each of which every way has one turn."""
    found: dict[Name, list[Timing]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(once(way))
    return {
        name: Timing(
            statistics.median(t.wall for t in times),
            statistics.median(t.processor for t in times),
            rounds,
        )
        for name, times in found.items()
    }


def show_timings(timings: Mapping[str, Timing]) -> None:
    """Print a table of ways, and how many times quicker each is than the first."""
    first = next(iter(timings.values()))
    print(f"{'way':34} {'wall s':>9} {'processor s':>12} {'times':>7} {'by processor':>13}")
    for name, timing in timings.items():
        times, by_processor = first.wall / timing.wall, first.processor / timing.processor
        print(
            f"{name:34} {timing.wall:9.3f} {timing.processor:12.3f} {times:7.2f} "
            f"{by_processor:13.2f}"
        )


def peak_mib() -> float:
    """Return this process's peak resident memory; on Linux alone."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def machine() -> dict[str, object]:
    """Return what figures depend on: processor, cores, what it can do, load, and versions."""
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.is_file() else ""
    named = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return {
        "processor": named[0] if named else platform.processor(),
        "cores": os.cpu_count(),
        "bfloat16": "avx512_bf16" in text or "amx_bf16" in text,
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def finish(
    benchmark: str,
    settings: Mapping[str, object],
    figures: Sequence[Figure],
    timings: Mapping[str, Timing] | None = None,
) -> None:
    """Print the figures, and last the one line of JSON that holds everything."""
    for figure in figures:
        print(f"{figure.name:58} {figure.value:12.4g} {figure.unit:14} {figure.aim}")
    record = {
        "benchmark": benchmark,
        "settings": dict(settings),
        "figures": [asdict(figure) for figure in figures],
        "timings": {name: asdict(timing) for name, timing in (timings or {}).items()},
        "machine": machine(),
    }
    print(json.dumps(record))
