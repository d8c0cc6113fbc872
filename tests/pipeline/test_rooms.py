"""The shape of the house: the table of commands, the Makefile, and who may print."""

import ast
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

import pytest

from pipeline.commands import COMMANDS, settings_of

ROOT = Path(__file__).resolve().parents[2]
COMMAND_FILES = {path.stem for path in (ROOT / "pipeline/commands").glob("[!_]*.py")}
SILENT = [
    path
    for room in (
        "pipeline/stages",
        "pipeline/views",
        "pipeline/engine",
        "model",
        "extract",
        "stores",
    )
    for path in sorted((ROOT / room).rglob("*.py"))
]


def test_the_table_names_every_command_module_and_no_other():
    assert {name.replace("-", "_") for name in COMMANDS} == COMMAND_FILES
    assert len(set(COMMANDS)) == len(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_frozen_settings_with_help_and_an_execute_for_them(command):
    settings = settings_of(command)
    assert is_dataclass(settings)
    assert settings.__dataclass_params__.frozen
    assert settings.__doc__
    module = import_module(settings.__module__)
    assert isinstance(module.execute, Callable)
    assert get_type_hints(module.execute) == {"run": settings, "return": int}
    source = ast.parse(Path(module.__file__).read_text())
    (body,) = (n.body for n in source.body if getattr(n, "name", "") == settings.__name__)
    for field, after in pairwise(body):
        assert not isinstance(field, ast.AnnAssign) or isinstance(after, ast.Expr), field.target.id


def test_makefile_targets_run_commands_that_there_are():
    recipes = re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    called = {name: re.findall(r"\$\(RUN\) ([a-z-]+)", recipe) for name, recipe in recipes}
    called = {name: commands for name, commands in called.items() if commands and name != "help"}
    assert "train" in called
    for target, commands in called.items():
        assert commands == [target]
        assert target in COMMANDS


@pytest.mark.parametrize("path", SILENT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_commands_print(path):
    tree = ast.parse(path.read_text())
    names = {
        *(n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)),
        *(a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names),
    }
    assert not {name for name in names if name == "pipeline.console" or name.startswith("rich")}
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
