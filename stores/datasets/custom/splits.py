"""Users' own videos split into training and test so that no source lies on both sides.

Clips cut from one recording look alike; one in each split turns a test into a memory test.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath

from stores.datasets.base import grouped
from stores.datasets.custom.rows import Row
from stores.records import StoreError

BLOCKS = 8
"""Blocks that a class is cut into where its sources are unknown: a quarter is two of them."""

_MIN_RUNS = 4  # runs of numbers that are taken for sources; fewer would make a split too coarse


def group_rows(rows: Sequence[Row], pattern: re.Pattern[str] | None) -> list[Row]:
    """Return the rows in natural order of name, each with its group.

    A given group stays. Otherwise it is what ``pattern`` takes of the file's name; without a
    pattern neighbours by name are a group: a run of consecutive numbers where a class has several
    runs, and one of :data:`BLOCKS` blocks where it has not.

    Raises:
        StoreError: The pattern does not match a name.
    """
    ordered = sorted(rows, key=lambda row: _natural(row.name))
    if pattern is not None:
        return [replace(row, group=row.group or _taken(pattern, row)) for row in ordered]
    classes = grouped((row for row in ordered if not row.group), lambda row: row.labels)
    guessed = {
        row.name: f"{'+'.join(labels)}/{number}"
        for labels, own in classes.items()
        for number, neighbours in enumerate(_neighbours(own), start=1)
        for row in neighbours
    }
    return [replace(row, group=row.group or guessed[row.name]) for row in ordered]


def split_rows(rows: Sequence[Row], share: float) -> list[Row]:
    """Return grouped rows with a split each: as given, or the last groups of a class are for test.

    Of each class as many groups are taken from the end as come nearest to ``share`` of its videos,
    one at least; a class with a single group is for training alone.

    Raises:
        StoreError: Some rows have a split and some have none.
    """
    unsplit = [row.name for row in rows if row.split is None]
    if not unsplit:
        return list(rows)
    if len(unsplit) < len(rows):
        raise StoreError(f"{unsplit[0]} has no split and others have; give all a split, or none")
    test: set[str] = set()
    for own in grouped(rows, lambda row: row.labels).values():
        test |= _last_groups(own, share, test)
    return [replace(row, split="test" if row.group in test else "train") for row in rows]


def _last_groups(rows: Sequence[Row], share: float, test: set[str]) -> set[str]:
    """Return the groups of one class to test on, some of which are in ``test`` already."""
    sizes = Counter(row.group for row in rows)
    taken = test & sizes.keys()
    count, wanted = sum(sizes[group] for group in taken), share * len(rows)
    for group in reversed(sizes):
        nearer = abs(count + sizes[group] - wanted) < abs(count - wanted)
        if group in taken or len(taken) + 1 == len(sizes) or (count and not nearer):
            continue
        taken.add(group)
        count += sizes[group]
    return taken


def _neighbours(rows: Sequence[Row]) -> list[list[Row]]:
    """Cut the videos of one class, in order, into runs of consecutive numbers, or into blocks."""
    runs = [list(rows[:1])]
    for before, row in pairwise(rows):
        if _follows(before.name, row.name):
            runs[-1].append(row)
        else:
            runs.append([row])
    if len(runs) >= _MIN_RUNS:
        return runs
    count = min(BLOCKS, len(rows))
    bounds = [len(rows) * i // count for i in range(count + 1)]
    return [list(rows[start:end]) for start, end in pairwise(bounds)]


def _follows(before: str, name: str) -> bool:
    """Return whether two names differ in their last number alone, and by one."""
    first, second = (
        re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", PurePosixPath(n).stem) for n in (before, name)
    )
    if first is None or second is None:
        return False
    same = (first[1], first[3]) == (second[1], second[3])
    return same and int(second[2]) == int(first[2]) + 1


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sorting key in which clip2 comes before clip10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((int(p), "") if i % 2 else (0, p) for i, p in enumerate(parts))


def _taken(pattern: re.Pattern[str], row: Row) -> str:
    file = PurePosixPath(row.name).name
    match = pattern.search(file)
    if match is None or not match[1]:
        raise StoreError(f"group {pattern.pattern!r} of dataset.yaml takes nothing of {file!r}")
    return match[1]
