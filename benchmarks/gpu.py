"""What a GPU does with all of it: one run of eight minutes, from the card's limits to a demo.

    python benchmarks/gpu.py [rows ...] [--device cuda] [--quick] [--out FOLDER] [--minutes 8]
                             [--golden FOLDER]

Each row is a process of its own (`gpu_rows.py`), so that one that fails, or hangs, costs itself
alone; the most important come first, and what is left when time is over is said. Figures are in
FOLDER/<card>.json after every row, and as a table in FOLDER/<card>.md. ``--device cpu --quick`` is
the rehearsal: every row with small sizes, whose figures say nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import ROOT, Figure

ROWS = {
    "ceilings": 60.0,
    "encoder": 150.0,
    "extraction": 180.0,
    "training": 150.0,
    "scoring": 60.0,
    "golden": 90.0,
    "demo": 120.0,
    "compiled": 240.0,
}
"""The rows in their order, and the seconds that each may take."""

Record = dict[str, Any]


def main() -> None:
    """Run the rows that are asked for, and keep what comes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes: a rehearsal")
    parser.add_argument("--out", type=Path, default=Path("outputs/gpu"))
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--golden", type=Path, help="golden vectors, which the row golden needs")
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    records: list[Record] = []
    for name in options.rows or ROWS:
        allowed = ROWS[name] * (1 if options.device == "cuda" else 5)
        seconds = min(allowed, end - time.monotonic())
        print(f"\n== {name}", flush=True)
        record = run_row(name, options, seconds) if seconds > 0 else {"failed": "no time was left"}
        records.append({"row": name} | record)
        keep(records, options)
    failed = [record["row"] for record in records if "failed" in record]
    if failed:
        sys.exit(f"error: {', '.join(failed)} failed")


def run_row(name: str, options: argparse.Namespace, seconds: float) -> Record:
    """Run one row for so many seconds at most, and return what it found or why it failed."""
    command = [sys.executable, str(Path(__file__).with_name("gpu_rows.py")), name]
    command += ["--device", options.device, *(["--quick"] if options.quick else [])]
    command += ["--golden", str(options.golden)] if options.golden else []
    begun = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()  # Ray ends with it
            try:
                output, errors = process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
            errors += f"\nnot done within {seconds:.0f} s"
    took = time.monotonic() - begun
    # A row tells its figures as they come: those of one that failed later count as well.
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    figures = [each["figure"] for each in found if "figure" in each]
    facts = [each["facts"] for each in found if "facts" in each]
    record: Record = {"seconds": took, "figures": figures}
    record |= {key: value for each in facts for key, value in each.items()}
    for figure in (Figure(**each) for each in figures):
        print(f"{figure.name:66} {figure.value:12.4g} {figure.unit:10} {figure.aim}", flush=True)
    if process.returncode:
        record["failed"] = errors.strip()[-2000:] or f"exit code {process.returncode}"
        print(record["failed"], flush=True)
    print(f"{took:.0f} s", flush=True)
    return record


def keep(records: Sequence[Record], options: argparse.Namespace) -> None:
    """Write the records so far, and the table of them."""
    card = next((record["card"] for record in records if "card" in record), options.device)
    name = re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-") + ("-quick" if options.quick else "")
    content = {"quick": options.quick, "rows": records}
    (options.out / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    lines = [f"# {card}", "", "| figure | value | unit | aim |", "|---|---:|---|---|"]
    for record in records:
        figures = [Figure(**each) for each in record.get("figures", [])]
        lines += [f"| {f.name} | {f.value:.4g} | {f.unit} | {f.aim} |" for f in figures]
        if "failed" in record:
            lines.append(f"| {record['row']} | failed | | {record['failed'].splitlines()[-1]} |")
    (options.out / f"{name}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
