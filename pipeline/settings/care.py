"""The settings of commands that look after what was written."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from pipeline.settings.location import Location


@dataclass(frozen=True)
class VerifyRun:
    """Read every byte of all features, scores and checkpoints below a folder and check it."""

    folder: Positional[Location]
    """Folder of outputs, or any part of it."""
    repair: bool = False
    """Set what is damaged aside, so that the same command that made it makes it anew."""


@dataclass(frozen=True)
class FailuresRun:
    """List the videos below a folder of outputs that could not be read, and why."""

    folder: Positional[Location]
    """Folder of outputs, or any part of it."""
