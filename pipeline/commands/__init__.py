"""One module a command: its settings, its call, what it prints, its exit code.

A new command is a module here and its name in the table. The module of ``check-data`` is
``check_data``; it holds the settings ``CheckDataRun``, a frozen record whose field docstrings are
the command-line help, and ``execute``. Modules import what a command needs once it runs, so that
``--help`` answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from pipeline.options import check_options

COMMANDS = (
    "demo",
    "check-data",
    "match-features",
    "extract",
    "train",
    "evaluate",
    "calibrate",
    "score",
    "watch",
    "events",
    "report",
    "plot",
    "clip",
    "search",
    "ablate",
    "compare",
    "export",
    "import-checkpoint",
    "import-features",
    "verify",
    "failures",
)
"""Every command, in the order of the help."""


def settings_of(command: str) -> type[Any]:
    """Return the settings class of a command."""
    module = import_module(f"{__name__}.{command.replace('-', '_')}")
    settings: type[Any] = getattr(module, f"{command.title().replace('-', '')}Run")
    return settings


def execute(run: Any) -> int:
    """Run the command that these are the settings of; return its exit code.

    Raises:
        ValueError: A number in them is outside of its range, before anything is done.
    """
    check_options(run)
    code: int = sys.modules[type(run).__module__].execute(run)
    return code
