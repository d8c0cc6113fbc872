"""The benchmarks one after another, then one table of every figure with its aim.

    python benchmarks/run.py [names ...] [--out figures.jsonl]

Each is a script of its own and runs in a process of its own. The lines of JSON are kept in the file
given, one a script. Those that stand apart are run by name alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measuring import Figure

NAMES = (
    "metrics",
    "storage",
    "preprocessing",
    "loading",
    "scoring",
    "training",
    "encoder",
    "decode",
    "extraction",
    "growth",
)
APART = (
    *("memory", "report", "long_video", "filling", "exported", "gpu"),
    *("remote", "driver", "elsewhere"),
)


def run(name: str) -> dict[str, Any] | None:
    """Run one script, showing what it prints, and return its record; None where it failed."""
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py"))]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("{"):
                print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        return None
    record: dict[str, Any] = json.loads(lines[-1])
    return record


def main() -> None:
    """Run, keep and summarise."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join((*NAMES, *APART)))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks.jsonl"))
    options = parser.parse_args()
    if unknown := set(options.names) - {*NAMES, *APART}:
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *APART))}"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    failed: list[str] = []
    begun = time.monotonic()
    with options.out.open("w", encoding="utf-8") as file:
        for name in options.names or NAMES:
            print(f"\n== {name}", flush=True)
            started = time.monotonic()
            record = run(name)
            if record is None:
                failed.append(name)
                continue
            file.write(json.dumps(record | {"seconds": time.monotonic() - started}) + "\n")
            figures += [Figure(**found) for found in record.get("figures", [])]
    print(f"\n== summary, {time.monotonic() - begun:.0f} s, records in {options.out}")
    for figure in figures:
        print(f"{figure.name:70} {figure.value:12.4g} {figure.unit:14} {figure.aim}")
    if failed:
        sys.exit(f"error: {', '.join(failed)} failed")


if __name__ == "__main__":
    main()
