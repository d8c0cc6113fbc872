"""The calibration beside a checkpoint: what `score` takes its threshold and probabilities from.

Bound to the checkpoint's fingerprint: one trained anew into the same folder has none.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stores.files.commit import commit_text
from stores.records import EventRule, StoreError

FILE = "calibration.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a calibration came to, and on what.

    ``temperature`` divides the score's logit, None leaving scores as they are. ``recall`` (a share)
    and ``false_alarms_per_hour`` are what ``rule`` reaches on the videos that it was chosen on, and
    the calibration errors are those before and after on the same. ``unseen`` holds the same figures
    where each half of the videos is judged by what the other half would have chosen; it is empty
    where a half has nothing to choose by.
    """

    model_fingerprint: str
    dataset: str
    split: str
    videos: int
    hours: float
    events: int
    chosen_by: str
    rule: EventRule
    temperature: float | None
    recall: float
    false_alarms_per_hour: float
    error_before: float
    error_after: float
    unseen: dict[str, float]


def save_calibration(folder: Path, calibration: Calibration) -> Path:
    """Commit a calibration beside the checkpoint in ``folder`` and return its path.

    Raises:
        StoreError: The folder cannot be written.
    """
    path = folder / FILE
    content = {"schema": SCHEMA, **asdict(calibration)}
    commit_text(path, json.dumps(content, indent=1) + "\n")
    return path


def load_calibration(folder: Path) -> Calibration | None:
    """Return the calibration in ``folder``, of whichever checkpoint, or None where there is none.

    Raises:
        StoreError: The file is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise StoreError(f"{path} is of another version; calibrate again or remove it")
        return Calibration(rule=EventRule(**content.pop("rule")), **content)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise StoreError(f"damaged {path} ({error}); calibrate again or remove it") from error
