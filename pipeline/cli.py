"""The command line: parses settings, runs one command, sets the exit code.

Exit codes: 0 all done, 2 a mistake in the call or its inputs, or a machine that could not go on
(one line says which), 3 done but some videos failed; 130, 143 and 129 where Ctrl-C, SIGTERM and
SIGHUP ended it (``pipeline.signals``).
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import tyro

from pipeline.commands import COMMANDS, execute, settings_of
from pipeline.console import DONE, MISTAKE, show_logs
from pipeline.options import option_names
from pipeline.signals import ending
from stores.files.names import one_line

PROGRAM = "python -m pipeline"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; ``PIPELINE_DEBUG=1`` shows where an error arose."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a sign, a name be no UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        run = parse(sys.argv[1:] if arguments is None else arguments)
        show_logs()
        code = execute(run)
    except BrokenPipeError:  # whoever read our output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except (ValueError, OSError) as error:
        if os.environ.get("PIPELINE_DEBUG") or ending():  # a signal comes first
            raise
        _fail(str(error))
    sys.exit(code)


def parse(arguments: Sequence[str]) -> object:
    """Return the settings of the command that ``arguments`` name; a mistake exits with one line."""
    commands: dict[str, Callable[..., object]] = {name: settings_of(name) for name in COMMANDS}
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            return tyro.extras.subcommand_cli_from_dict(
                commands, args=list(arguments), prog=PROGRAM
            )
    except SystemExit as ended:
        if ended.code == MISTAKE:
            _fail(_misspelt(arguments) or _first_lines(messages.getvalue()))
        raise


def _fail(message: str) -> NoReturn:
    print(f"error: {one_line(message)}", file=sys.stderr)
    sys.exit(MISTAKE)


def _misspelt(arguments: Sequence[str]) -> str:
    """Return which name of a command or an option there is not; '' where all are known."""
    command = arguments[0] if arguments else ""
    if command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, n=1) or [
            f"one of {', '.join(COMMANDS)}"
        ]
        return "" if command[:1] in ("", "-") else f"no command {command!r}; perhaps {near[0]}"
    known, places = option_names(settings_of(command))
    for argument in arguments[1:]:
        name = argument.partition("=")[0].removeprefix("--").replace("_", "-")
        if not argument.startswith("--") or {name, name.removeprefix("no-")} & {*known, "help"}:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"perhaps you meant --{near[0]}" if near else f"see {PROGRAM} {command} --help"
        if places and not near:
            usage = " ".join([command, *(place.upper() for place in places)])
            hint = f"give {' and '.join(places)} by place, as in {PROGRAM} {usage}"
        return f"{command} has no option --{name}; {hint}"
    return ""


def _first_lines(box: str) -> str:
    """Return what the parser's framed message says, without its frame and its help texts."""
    lines = [line.strip("│╭╮╰╯─ \n") for line in box.splitlines()[1:]]
    parts = "\n".join(lines).split("\n\n")  # rules between parts are lines of the frame alone
    return f"{parts[0]} (see {PROGRAM} --help)"
