"""Extracts every file of a folder and prints what came of each, beside PyAV's own count.

    python tests/faults/files.py ../shared/data/videos

The extraction is the real command with the demo's encoder. The count is an independent one: the
frames that PyAV gives of the stream that FFmpeg calls best, to the end or to the first error. Exits
with 1 if a count differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from command import ended, run

from stores.features.catalog import Catalog, open_catalog

HEADER = "| file | outcome | frames | announced | duplicates | seconds | stated | PyAV |"


def count(path: Path) -> str:
    """Return how many frames PyAV gives of a file; a plus says that an error ended them."""
    frames = 0
    try:
        with av.open(str(path.absolute()), metadata_errors="ignore") as container:
            stream = container.streams.best("video")
            if stream is None or not container.streams.video:
                return "-"
            for _ in container.decode(stream):
                frames += 1
    except (av.FFmpegError, OSError):
        return f"{frames}+" if frames else "-"
    return str(frames)


def rows(root: Path, catalog: Catalog) -> list[tuple[str, ...]]:
    """Return a row a file: what the catalog says of it, and PyAV's count."""
    found = []
    for name, failure in catalog.failures.items():
        reason = failure.reason.removeprefix(f"{failure.item.path}: ")
        found.append((name, f"failed: {reason}", "-", "-", "-", "-", "-", count(root / name)))
    for name, video in catalog.videos.items():
        audit = video.audit
        outcome = "done" if not audit.mismatch else f"done, mismatch: {audit.mismatch}"
        figures = (video.frames, audit.expected_frames, audit.duplicate_frames)
        shown = f"{audit.shown_seconds:.2f}", f"{audit.container_seconds:.2f}"
        found.append((name, outcome, *map(str, figures), *shown, count(root / name)))
    return sorted(found)


def main() -> int:
    """Extract, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root.absolute()
    with tempfile.TemporaryDirectory() as out:
        command = ["extract", "--dataset", "folder"]
        command += ["--root", str(root), "--out", out, "--recipe", "demo"]
        code, error = ended(run(command))
        if code not in (0, 3):
            raise subprocess.SubprocessError(f"exit code {code}: {error}")
        table = rows(root, open_catalog(Path(out) / "folder" / "features"))
    lines = [HEADER, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in table]
    sys.stdout.write("\n".join(lines) + f"\n\nexit code {code}\n")
    return int(any(row[2] != row[7].rstrip("+") for row in table))


if __name__ == "__main__":
    sys.exit(main())
