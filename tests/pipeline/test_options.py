from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import tyro

from pipeline.commands import COMMANDS, settings_of
from pipeline.commands.calibrate import CalibrateRun
from pipeline.commands.extract import ExtractRun
from pipeline.options import CheckpointLocation, Location, ReadOptions, bounds_of, check_options


def test_a_location_is_a_path_or_a_url_that_fsspec_knows(capsys):
    assert tyro.cli(Location, args=["a/b"]) == Path("a/b")
    assert str(tyro.cli(Location, args=["memory://bucket/a"])) == "memory://bucket/a"
    with pytest.raises(ConnectionError, match="nosuch"):
        tyro.cli(Location, args=["nosuch://bucket/a"])


def test_a_checkpoint_may_be_the_name_of_one_in_a_hub(hub, tmp_path):
    assert tyro.cli(CheckpointLocation, args=["a/b"]) == Path("a/b")
    assert str(tyro.cli(CheckpointLocation, args=["memory://a/b"])) == "memory://a/b"
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "checkpoint.safetensors").write_bytes(b"weights")
    hub(repository, "owner/name")
    folder = tyro.cli(CheckpointLocation, args=["hf://owner/name"])
    assert (folder / "checkpoint.safetensors").read_bytes() == b"weights"
    with pytest.raises(ConnectionError, match="hf://owner/other: the hub knows no such repository"):
        tyro.cli(CheckpointLocation, args=["hf://owner/other"])


def parts_of(hint: object) -> Iterator[object]:
    yield hint
    for part in get_args(hint):
        yield from parts_of(part)


def number_options(settings: type) -> Iterator[tuple[str, object]]:
    """Yield the name and the type of every number of some settings, nested ones too."""
    hints = get_type_hints(settings, include_extras=True)
    for name, hint in ((field.name, hints[field.name]) for field in fields(settings)):
        kinds = set(filter(lambda part: isinstance(part, type), parts_of(hint)))
        for nested in filter(is_dataclass, kinds):
            yield from number_options(nested)
        if kinds & {int, float}:
            yield name, hint


NUMBERS = [
    (command, name, hint)
    for command in COMMANDS
    for name, hint in number_options(settings_of(command))
]


def test_there_are_numbers_to_check():
    assert len(NUMBERS) > 30
    assert {"batch", "deadline", "threshold", "rate", "seed"} <= {name for _, name, _ in NUMBERS}


@pytest.mark.parametrize(("command", "name", "hint"), NUMBERS, ids=lambda each: str(each)[:30])
def test_every_number_of_every_command_has_a_range(command, name, hint):
    assert bounds_of(hint) is not None, f"give {name} of {command} a type of stores.ranges"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"videos_per_shard": 0}, "--videos-per-shard has to be above 0, got 0"),
        ({"videos_per_shard": 2**40}, r"--videos-per-shard has to be at most 2\.147"),
        ({"reading": ReadOptions(decoder_memory=-1)}, "--decoder-memory has to be above 0, got -1"),
        ({"reading": ReadOptions(deadline=float("nan"))}, "--deadline has to be above 0, got nan"),
        ({"reading": ReadOptions(deadline=float("inf"))}, "--deadline has to be at most 1e.09"),
    ],
)
def test_a_number_out_of_its_range_is_named_as_its_option(changes, said):
    check_options(ExtractRun(reading=ReadOptions(workers=1, deadline=1)))
    with pytest.raises(ValueError, match=said):
        check_options(replace(ExtractRun(), **changes))


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan"), float("inf")])
def test_a_share_lies_between_0_and_1(wrong):
    check_options(CalibrateRun(recall=None, release=1.0))
    with pytest.raises(ValueError, match=rf"--recall has to be from 0 to 1, got {wrong:g}"):
        check_options(CalibrateRun(recall=wrong))
