"""What is written down of a run, beside its output."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.settings import Run
from stores.commit import commit_text


def write_settings(folder: Path, name: str, run: Run) -> None:
    """Write a run's settings as ``<name>.json`` into ``folder``, atomically."""
    text = json.dumps(asdict(run), indent=1, default=str)
    commit_text(folder / f"{name}.json", f"{text}\n")
