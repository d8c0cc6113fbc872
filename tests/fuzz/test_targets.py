"""A short turn of what `make fuzz` does for minutes, without its engine."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from targets import TARGETS

TURNS = 60


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, name):
    target, chance = TARGETS[name], random.Random(name)
    seed = target.seed(tmp_path)
    target(seed)
    for _ in range(TURNS):
        data = bytearray(seed)
        for _ in range(chance.randint(1, 8)):
            where = chance.randrange(len(data))
            data[where] = chance.choice((0, 255, 34, 91, 123, chance.randrange(256)))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        target(bytes(data))


@pytest.mark.parametrize("name", TARGETS)
def test_the_seed_is_a_sound_file(tmp_path, name):
    """The reader itself, without the net that takes its refusals."""
    target = TARGETS[name]
    (tmp_path / "made").mkdir()
    (tmp_path / "read").mkdir()
    target.read(tmp_path / "read", target.seed(tmp_path / "made"))
