"""The calibration beside a checkpoint: what `score` takes its threshold and probabilities from.

Bound to the checkpoint's fingerprint: one that is trained later into the same folder has none.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from stores.files.commit import commit_text
from stores.files.typed import read_json
from stores.ranges import Amount, Count, Share, Temperature
from stores.records import EventRule

FILE = "calibration.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """The rule and the temperature that were chosen, and how well they do on which videos.

    ``temperature`` divides the score's logit, None leaving scores as they are. ``recall`` (a share)
    and ``false_alarms_per_hour`` are what ``rule`` reaches on the videos that it was chosen on, and
    the calibration errors are those before and after on the same. ``unseen`` holds these figures of
    each half with what was chosen on the other; empty where a half has nothing to choose by.

    ``split`` is a labelled ``test`` split, or ``normal``: footage of which is only known that
    nothing happened, so that recall and errors are None; ``dataset`` then names its folder.
    ``interval`` is the 95 % interval of its false alarms per hour. ``doubts`` says why it is worth
    little, though it was installed.
    """

    model_fingerprint: str
    dataset: str
    split: Literal["test", "normal"]
    videos: Count
    hours: Amount
    events: Count
    chosen_by: str
    rule: EventRule
    temperature: Temperature | None
    recall: Share | None
    false_alarms_per_hour: Amount
    error_before: Share | None
    error_after: Share | None
    unseen: dict[str, Amount]
    interval: tuple[Amount, Amount] | None = None
    doubts: tuple[str, ...] = ()


def save_calibration(folder: Path, calibration: Calibration) -> Path:
    """Commit a calibration beside the checkpoint; return its path; errors as in committing."""
    content = {"schema": SCHEMA, **asdict(calibration)}
    commit_text(folder / FILE, json.dumps(content, indent=1) + "\n")
    return folder / FILE


def load_calibration(folder: Path) -> Calibration | None:
    """Return the calibration in ``folder``, of whichever checkpoint; errors as in read_json."""
    remedy = "calibrate again or remove it"
    return read_json(folder / FILE, Calibration, schema=SCHEMA, remedy=remedy)
