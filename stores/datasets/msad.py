"""MSAD, the Multi-Scenario Anomaly Dataset (NeurIPS 2024), protocol ii: 480 + 240 videos.

``msad-i3d.list`` and ``msad-i3d-test.list``, the authors' own, say which videos are of which split;
a video's class is its name before the last underscore. Truth is the one stretch a video of
``anomaly_annotation.csv``, which comes with the videos, or else of ``MSAD_test.txt``, a converted
list whose videos are cut to whole segments of 16 frames.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stores.datasets import base, listing
from stores.records import SEGMENT_FRAMES, Event, Split, StoreError, VideoItem

CLASSES = (
    *("Normal", "Assault", "Explosion", "Fighting", "Fire", "Object_falling", "People_falling"),
    *("Robbery", "Shooting", "Traffic_accident", "Vandalism", "Water_incident"),
)
_LISTS: dict[Split, str] = {"train": "msad-i3d.list", "test": "msad-i3d-test.list"}
_ANNOTATION, _CONVERTED = "anomaly_annotation.csv", "MSAD_test.txt"


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos of both lists, those that are not below ``root`` with an empty path."""
    items = itemise(root, lists, base.index_by_stem(root))
    listing.refuse_none(items, "MSAD", root)
    return items


def itemise(root: Path, lists: Path | None, found: Mapping[str, Path]) -> list[VideoItem]:
    """Return the items of both lists; ``found`` gives a name's file."""
    listed = {
        split: [*_listed(listing.find_list(root, lists, file))] for split, file in _LISTS.items()
    }
    source, truth = _read_truth(root, lists)
    if lost := [n for n, label in listed["test"] if label != "Normal" and n not in truth]:
        raise StoreError(
            f"{source} has no stretch for {len(lost)} anomalous test videos ({', '.join(lost[:5])})"
        )
    lines: dict[Split, list[listing.Line]] = {
        split: [(name, label, _events(truth.get(name), label)) for name, label in own]
        for split, own in listed.items()
    }
    return listing.list_videos(lines, found)


def lengths(root: Path, lists: Path | None) -> dict[str, dict[str, range]]:
    """Return the frames of the videos that the truth has; by ``MSAD_test.txt`` up to 15 more."""
    source, truth = _read_truth(root, lists)
    return {name: {source.name: each.frames} for name, each in truth.items()}


@dataclass(frozen=True, slots=True)
class _Truth:
    """What a list says of a video: its possible lengths and its stretch, empty where it has none.

    Half-open, from frame 0.
    """

    frames: range
    start: int
    end: int


def _events(truth: _Truth | None, label: str) -> tuple[Event, ...]:
    if truth is None or label == "Normal" or truth.start >= truth.end:
        return ()
    return (Event(truth.start, truth.end, label),)


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and class of each line ``…/Traffic_accident_12_i3d.npy``."""
    for number, line in listing.read_lines(path):
        name = listing.listed_name(line).removesuffix(".npy").removesuffix("_i3d")
        label = "Normal" if name.startswith("MSAD_normal_") else name.rpartition("_")[0]
        if label not in CLASSES:
            raise StoreError(f"{path} line {number}: {line!r} names no class of MSAD")
        yield name, label


def _read_truth(root: Path, lists: Path | None) -> tuple[Path, dict[str, _Truth]]:
    """Return which list has the truth, and what it says of its videos by name."""
    for file, read in ((_ANNOTATION, _annotated), (_CONVERTED, _converted)):
        for folder in dict.fromkeys([lists or root, root]):
            if (path := listing.optional_list(folder, None, file)) is not None:
                return path, dict(read(path))
    raise StoreError(
        f"{_ANNOTATION} is not in {lists or root}, nor {_CONVERTED}; the first comes with the "
        "videos: put it there, or give --lists"
    )


def _annotated(path: Path) -> Iterator[tuple[str, _Truth]]:
    """Yield the lines ``name,scenario,frames,first,last``; both ends count from 1, closed."""
    for number, line in listing.read_lines(path):
        name, *words = next(csv.reader([line])) or [""]
        if number == 1 and not re.search(r"\d", "".join(words[1:])):
            continue  # the names of the columns
        frames, first, last = _numbers(words[1:], path, number)
        if last > 0 and not 1 <= first <= last:
            raise StoreError(f"{path} line {number}: frames {first} to {last} are no stretch")
        yield listing.listed_name(name), _Truth(range(frames, frames + 1), max(first - 1, 0), last)


def _converted(path: Path) -> Iterator[tuple[str, _Truth]]:
    """Yield the lines ``folder/name frames class first last``; ends count from 0, closed.

    A stretch that ends past its video is how the list writes that there is none left.
    """
    for number, line in listing.read_lines(path):
        name, *words = line.split()
        frames, _, first, last = _numbers(words, path, number, of=4)
        if not 0 <= first <= last <= frames:
            raise StoreError(f"{path} line {number}: frames {first} to {last} are no stretch")
        end = last + 1 if last < frames else 0
        yield listing.listed_name(name), _Truth(range(frames, frames + SEGMENT_FRAMES), first, end)


def _numbers(words: list[str], path: Path, number: int, of: int = 3) -> list[int]:
    plain = [word.strip() for word in words]
    if len(plain) != of or not all(re.fullmatch(r"-?\d{1,9}", word) for word in plain):
        raise StoreError(f"{path} line {number}: {words[:9]} are not the {of} numbers of a video")
    return [int(word) for word in plain]


DATASET = base.Dataset(
    name="msad",
    classes=CLASSES,
    prompts=tuple((name.replace("_", " ").lower(),) for name in CLASSES),
    discover=discover,
    itemise=itemise,
    lengths=lengths,
    preset="msad",
    recipe="vadclip",
)
