"""The settings of every command: frozen records whose field docstrings are the command-line help.

Imports nothing heavy, so that ``--help`` answers at once. The settings of a run are written as JSON
beside its output.
"""

from __future__ import annotations

from pipeline.settings.care import FailuresRun, VerifyRun
from pipeline.settings.data import CheckDataRun, MatchRun
from pipeline.settings.experiments import AblateRun, CalibrateRun
from pipeline.settings.imports import ImportCheckpointRun, ImportFeaturesRun
from pipeline.settings.stages import (
    DemoRun,
    EvaluateRun,
    EventOptions,
    ExtractRun,
    ReadOptions,
    ReportRun,
    ScoreRun,
    TrainRun,
    WatchRun,
)
from pipeline.settings.views import PlotRun

Run = (
    DemoRun
    | CheckDataRun
    | MatchRun
    | ExtractRun
    | TrainRun
    | EvaluateRun
    | CalibrateRun
    | ScoreRun
    | WatchRun
    | ReportRun
    | PlotRun
    | AblateRun
    | ImportCheckpointRun
    | ImportFeaturesRun
    | VerifyRun
    | FailuresRun
)

COMMANDS: dict[str, type[Run]] = {
    "demo": DemoRun,
    "check-data": CheckDataRun,
    "match-features": MatchRun,
    "extract": ExtractRun,
    "train": TrainRun,
    "evaluate": EvaluateRun,
    "calibrate": CalibrateRun,
    "score": ScoreRun,
    "watch": WatchRun,
    "report": ReportRun,
    "plot": PlotRun,
    "ablate": AblateRun,
    "import-checkpoint": ImportCheckpointRun,
    "import-features": ImportFeaturesRun,
    "verify": VerifyRun,
    "failures": FailuresRun,
}
"""Every command's settings by its name on the command line, in the order of the help."""

__all__ = [
    "COMMANDS",
    "AblateRun",
    "CalibrateRun",
    "CheckDataRun",
    "DemoRun",
    "EvaluateRun",
    "EventOptions",
    "ExtractRun",
    "FailuresRun",
    "ImportCheckpointRun",
    "ImportFeaturesRun",
    "MatchRun",
    "PlotRun",
    "ReadOptions",
    "ReportRun",
    "Run",
    "ScoreRun",
    "TrainRun",
    "VerifyRun",
    "WatchRun",
]
