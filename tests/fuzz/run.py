"""Fuzzes every reader of foreign files with atheris; prints a Markdown table.

    python tests/fuzz/run.py [--seconds 75] [--only shard]

Each target runs in a process of its own, from a sound file on, with our own modules instrumented.
An exception other than the reader's own error, a crash, or an input that takes 30 s is a finding:
it is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

NAMES = ("shard", "index", "part", "checkpoint", "weights", "array", "lists", "manifest")
SLOWEST, MEMORY = 30, 6000  # seconds an input may take, MiB the process may


def fuzz(name: str, seconds: int, corpus: Path) -> None:
    """Fuzz one target in this process, which does not come back."""
    import atheris

    with atheris.instrument_imports(
        include=["stores", "model.checkpoint", "model.heads.published"]
    ):
        from targets import TARGETS
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        (corpus / "seed").write_bytes(target.seed(Path(folder)))
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}"]
    options = [*limits, "-print_final_stats=1", f"-artifact_prefix={corpus}/", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


def row(name: str, seconds: int) -> tuple[str, bool]:
    """Fuzz a target in a process of its own; return its row, and whether it found anything."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        command = [sys.executable, __file__, "--target", name, "--corpus", corpus]
        command += ["--seconds", str(seconds)]
        ended = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        output = ended.stdout + ended.stderr
    runs = re.search(r"number_of_executed_units:\s+(\d+)", output)
    count = f"{int(runs[1]):,}" if runs else "?"
    if ended.returncode == 0:
        return f"| {name} | {count} | none |", False
    raised = re.search(r"Uncaught Python exception: ===\n(.*)", output)
    end = " ".join(output.strip().splitlines()[-1:])
    return f"| {name} | {count} | {(raised[1] if raised else end)[:200]} |", True


def main() -> int:
    """Fuzz all targets, or be the process that fuzzes one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=75, help="for each target")
    parser.add_argument("--only", default="", help="targets whose name has this in it")
    parser.add_argument("--target", default="", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.target:
        fuzz(arguments.target, arguments.seconds, arguments.corpus)
    sys.stdout.write("| target | executions | finding |\n| --- | ---: | --- |\n")
    found = False
    for name in NAMES:
        if arguments.only in name:
            line, finding = row(name, arguments.seconds)
            found = found or finding
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
