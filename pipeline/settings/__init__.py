"""The settings of every command: frozen records whose field docstrings are the command-line help.

Imports nothing heavy, so that ``--help`` answers at once. The settings of a run are written as JSON
beside its output.
"""

from __future__ import annotations

from pipeline.settings.data import CheckDataRun, MatchRun
from pipeline.settings.stages import (
    DemoRun,
    EvaluateRun,
    ExtractRun,
    ReportRun,
    ScoreRun,
    TrainRun,
)

Run = DemoRun | CheckDataRun | MatchRun | ExtractRun | TrainRun | EvaluateRun | ScoreRun | ReportRun

COMMANDS: dict[str, type[Run]] = {
    "demo": DemoRun,
    "check-data": CheckDataRun,
    "match-features": MatchRun,
    "extract": ExtractRun,
    "train": TrainRun,
    "evaluate": EvaluateRun,
    "score": ScoreRun,
    "report": ReportRun,
}
"""Every command's settings by its name on the command line, in the order of the help."""

__all__ = [
    "COMMANDS",
    "CheckDataRun",
    "DemoRun",
    "EvaluateRun",
    "ExtractRun",
    "MatchRun",
    "ReportRun",
    "Run",
    "ScoreRun",
    "TrainRun",
]
