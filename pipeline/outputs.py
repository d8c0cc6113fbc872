"""What is written down of a run, beside its output."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.settings import ReadOptions, Run
from stores.files.commit import commit_text


def require_positive(**options: float | None) -> None:
    """Raise ValueError where a number that was given is not above 0; None stands for a default."""
    for name, value in options.items():
        if value is not None and value <= 0:
            raise ValueError(f"--{name.replace('_', '-')} has to be above 0, got {value:g}")


def require_share(**options: float | None) -> None:
    """Raise ValueError where a number that was given does not lie in [0, 1]."""
    for name, value in options.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"--{name.replace('_', '-')} has to be from 0 to 1, got {value:g}")


def require_sane(reading: ReadOptions, **options: float | None) -> None:
    """Check the numbers of read options, and others that have to be above 0 as well."""
    require_positive(
        batch=reading.batch,
        workers=reading.workers,
        deadline=reading.deadline,
        decoder_memory=reading.decoder_memory,
        **options,
    )


def write_settings(folder: Path, name: str, run: Run) -> None:
    """Write a run's settings as ``<name>.json`` into ``folder``, atomically."""
    text = json.dumps(asdict(run), indent=1, default=str)
    commit_text(folder / f"{name}.json", f"{text}\n")
