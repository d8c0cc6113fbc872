"""Folders of numbered images that stand for videos: which folders are, and which images they hold.

Some data sets publish no films but their frames, ``01_0015/000.jpg``, ``001.jpg``, … or without
zeros in front, in folders that may even be called ``Normal_001.mp4``. Such a folder is one video,
its images in order of their numbers. Only folders of this machine are: a store behind a URL has
none.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import gcd
from pathlib import Path

from stores.files.kinds import PICTURE, VIDEO, kind_by_name

FEWEST = 16
"""Images that make a folder a video, unless its name ends as a video's: one segment."""

IMAGE_RATE = 30.0
"""Frames a second of images where nobody states a rate."""

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d{1,15})(?P<suffix>\.[^.]+)", re.DOTALL)
_MOST_NAMED = 5  # numbers, in a sentence


def numbered_images(folder: str, names: Iterable[str]) -> list[tuple[int, str]]:
    """Return the numbers and names of the frames in a folder of that name, by number.

    They are images that differ in one number alone, the last of their names. Empty where the folder
    is no video: too few of them, as many other images, or a video among the files.
    """
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    images = 0
    for name in names:
        kind = kind_by_name(Path(name))
        if kind == VIDEO:
            return []
        if kind == PICTURE:
            images += 1
            if match := _NUMBERED.fullmatch(name):
                key = match["before"], match["suffix"].lower()
                groups.setdefault(key, []).append((int(match["number"]), name))
    largest = max(groups.values(), key=len, default=[])
    fewest = 1 if kind_by_name(Path(folder)) == VIDEO else FEWEST
    return sorted(largest) if len(largest) >= max(fewest, images / 2) else []


def images_in(folder: Path) -> list[tuple[int, Path]]:
    """Return the numbers and images of a folder that is a video, by number; else nothing."""
    try:
        names = [path.name for path in folder.iterdir()]
    except (OSError, ValueError):  # no folder, or none that may be listed
        return []
    name = folder.name or folder.absolute().name
    return [(number, folder / each) for number, each in numbered_images(name, names)]


def is_sequence(path: Path) -> bool:
    """Return whether a folder of this machine is a video."""
    return bool(images_in(path))


def sizes_of(images: Iterable[tuple[int, Path]]) -> list[int]:
    """Return the sizes of images in bytes; 0 of what is no file, or is gone."""
    return [_size(path) for _, path in images]


def _size(path: Path) -> int:
    try:
        status = path.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def step_of(numbers: Sequence[int]) -> int:
    """Return the step in which ascending numbers go on, as 5 where each fifth frame was kept."""
    return gcd(*(after - before for before, after in pairwise(numbers))) or 1


def missing_numbers(numbers: Sequence[int]) -> str:
    """Return a sentence on the numbers that ascending ones leave out; empty where there is none."""
    step = step_of(numbers)
    total = (numbers[-1] - numbers[0]) // step + 1 - len(numbers)
    named: list[int] = []
    for before, after in pairwise(numbers):
        named += range(before + step, after, step)[: _MOST_NAMED - len(named)]
    if not total:
        return ""
    more = f" and {total - len(named):,} more" if total > len(named) else ""
    of = f"of {numbers[0]} to {numbers[-1]}"
    listed = ", ".join(map(str, named))
    return f"image{'s' if total > 1 else ''} {listed}{more} {of} missing"
