import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.datasets.custom.rows import Row
from stores.datasets.custom.splits import group_rows, split_rows
from stores.records import StoreError


def rows(*names, label="fight"):
    return [Row(name, Path("/") / name, (label,)) for name in names]


def groups(found):
    return {row.name: row.group for row in found}


def test_runs_of_numbers_are_recordings():
    names = [f"f{n:03d}.mp4" for n in (1, 2, 31, 32, 33, 61, 91, 92)]
    found = groups(group_rows(rows(*names), None))
    assert [found[name] for name in names] == [f"fight/{run}" for run in (1, 1, 2, 2, 2, 3, 4, 4)]


def test_one_long_run_is_cut_into_blocks_of_neighbours_in_natural_order():
    names = [f"clip{n}.mp4" for n in range(1, 17)]
    found = group_rows(rows(*sorted(names)), None)
    assert [row.name for row in found] == names
    assert [row.group for row in found] == [f"fight/{1 + n // 2}" for n in range(16)]


def test_a_pattern_takes_the_recording_from_the_name():
    pattern = re.compile(r"^(cam\d+)_")
    found = groups(group_rows(rows("a/cam1_x.mp4", "b/cam1_y.mp4", "cam2_x.mp4"), pattern))
    assert found == {"a/cam1_x.mp4": "cam1", "b/cam1_y.mp4": "cam1", "cam2_x.mp4": "cam2"}
    with pytest.raises(StoreError, match=r"takes nothing of 'other\.mp4'"):
        group_rows(rows("other.mp4"), pattern)


def test_a_group_that_is_told_stays():
    told = [replace(row, group="x") for row in rows("a1.mp4")]
    assert groups(group_rows(told, re.compile(r"(\d)"))) == {"a1.mp4": "x"}


def test_a_quarter_of_each_class_is_tested_on():
    found = group_rows(
        rows(*(f"fight/{n}.mp4" for n in range(40)))
        + rows(*(f"calm/{n}.mp4" for n in range(16)), label="calm"),
        None,
    )
    split = split_rows(found, 0.25)
    tested = [row.name for row in split if row.split == "test"]
    assert sum(name.startswith("fight") for name in tested) == 10
    assert sum(name.startswith("calm") for name in tested) == 4
    assert "fight/39.mp4" in tested


def test_a_split_that_is_told_stays_and_half_of_one_is_refused():
    told = [replace(row, split="test") for row in rows("a.mp4")]
    assert split_rows(told, 0.25) == told
    with pytest.raises(StoreError, match=r"b\.mp4 has no split and others have"):
        split_rows(told + rows("b.mp4"), 0.25)


@given(
    cameras=st.lists(
        st.tuples(st.sampled_from(["fight", "calm"]), st.integers(0, 9)), min_size=1, max_size=60
    ),
    share=st.floats(0.05, 0.95),
)
def test_no_recording_lies_on_both_sides(cameras, share):
    found = [
        Row(f"{n}.mp4", Path(f"/{n}.mp4"), (label,), group=f"cam{camera}")
        for n, (label, camera) in enumerate(cameras)
    ]
    split = split_rows(found, share)
    sides = {(row.group, row.split) for row in split}
    assert len(sides) == len({row.group for row in split})
