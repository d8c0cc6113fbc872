"""Users' own classes: a folder of class folders, or a list of videos, split by source.

Classes and texts are read from the root itself, so the data set is only complete once
:func:`describe` was called; what it found is kept beside the features.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from functools import cache
from itertools import combinations
from pathlib import Path

from stores.datasets.base import (
    MOST_FRAMES,
    Dataset,
    Metric,
    names,
)
from stores.datasets.custom.description import (
    Description,
    find_description,
    order_classes,
    read_description,
    texts_of,
)
from stores.datasets.custom.rows import LIST_NAMES, Row, find_rows
from stores.datasets.custom.splits import group_rows, split_rows
from stores.datasets.listing import locate, under_listed_names
from stores.files.commit import commit_text
from stores.files.locations import is_remote, regular, size_of
from stores.files.names import plain
from stores.files.typed import read_json
from stores.records import Event, StoreError, VideoItem

_ALIKE = 0.8
"""From so alike on, two names may be one."""

FILE = "dataset.json"
SCHEMA = 1

WHOLE = MOST_FRAMES
"""End of an event that lasts as long as its video; it is cut there once the length is known."""


@dataclass(frozen=True, slots=True)
class _Described:
    """What is written of a data set."""

    name: str
    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]
    metric: Metric

    def __post_init__(self) -> None:
        if len(set(self.classes)) < 2 or len(self.prompts) != len(self.classes):
            raise ValueError(
                f"got {len(self.classes)} classes and texts for {len(self.prompts)}, expected "
                "those of two classes or more, each of its own name"
            )


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos below ``root`` in natural order; ids are their paths from there.

    ``lists`` is a list of videos, a ``dataset.yaml``, or a folder with either; the root by default.
    A test video without events counts as its class from its first frame to its last. A split
    without normal or without anomalous videos is an error.
    """
    return _itemise(root, *_read(root, lists))


def describe(root: Path, lists: Path | None = None) -> Dataset:
    """Return the data set that lies at ``root``, with its classes and texts; errors as discover."""
    description, classes, rows = _read(root, lists)
    items = _itemise(root, description, classes, rows)
    splits = Counter(item.split for item in items)
    whole = sum(any(e.end == WHOLE for e in item.events or ()) for item in items)
    notes = [
        f"{len(classes)} classes, {classes[0]} being the normal one",
        f"{splits['train']} videos to train on and {splits['test']} to test on",
    ]
    notes += [f"{one!r} and {other!r}: is one misspelt?" for one, other in _twins(classes)]
    if any(row.split is None for row in rows):
        notes.append(f"split by {len({item.group for item in items})} sources")
    if whole:
        notes.append(f"test videos without events, which count as their class throughout: {whole}")
    return replace(
        DATASET,
        classes=classes,
        prompts=texts_of(description, classes),
        metric=description.metric,
        note="; ".join(notes),
    )


def _twins(classes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of classes that differ as by a slip of the fingers; numbers may differ."""
    for one, other in combinations(classes, 2):
        a, b = (re.sub(r"\d", "", name.lower()) for name in (one, other))
        if a != b and SequenceMatcher(None, a, b).ratio() >= _ALIKE:
            yield one, other


def write_dataset(folder: Path, dataset: Dataset) -> None:
    """Commit a described data set beside its features; errors as in committing.

    What was there is replaced: features depend on neither classes nor texts.
    """
    described = _Described(dataset.name, dataset.classes, dataset.prompts, dataset.metric)
    content = {"schema": SCHEMA, **asdict(described)}
    commit_text(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_dataset(folder: Path) -> Dataset | None:
    """Return the data set described in ``folder``; None for any other; errors as in read_json."""
    remedy = "remove it and run extract again to write it anew"
    found = read_json(folder / FILE, _Described, schema=SCHEMA, remedy=remedy)
    return None if found is None else replace(DATASET, **asdict(found))


def check_name(name: str) -> str:
    """Return the name if a user's data set may have it.

    Raises:
        StoreError: It is no plain folder name, or means something else already.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise StoreError(f"--name {name!r} is no plain name; use letters, digits, - and _")
    if name in {*names(), "scores"} - {DATASET.name}:
        raise StoreError(f"--name {name} is taken; give your data set a name of its own")
    return name


def _read(root: Path, lists: Path | None) -> tuple[Description, tuple[str, ...], list[Row]]:
    """Return what describes the videos, their classes, normal first, and the videos."""
    description, source = _find_sources(root, lists)
    rows = find_rows(source)
    return description, order_classes(description, {n for row in rows for n in row.labels}), rows


def _find_sources(root: Path, lists: Path | None) -> tuple[Description, Path]:
    """Return the description, and the folder or list that names the videos."""
    if not root.exists():
        raise StoreError(f"no such folder: {root}; give the folder that holds the videos")
    folder = root if root.is_dir() else root.parent
    if lists is None:
        return find_description([folder]), root
    if not lists.exists():
        raise StoreError(f"no such file or folder: {lists}")
    if lists.is_dir():
        listed = any(regular(lists / name).is_file() for name in LIST_NAMES)
        return find_description([lists, folder]), lists if listed else root
    if lists.suffix in (".yaml", ".yml"):
        return read_description(lists), root
    return find_description([lists.parent, folder]), lists


def _itemise(
    root: Path, description: Description, classes: tuple[str, ...], rows: list[Row]
) -> list[VideoItem]:
    rows = split_rows(group_rows(rows, description.pattern), description.test_share)
    for split in "train", "test":
        kinds = {row.labels == (classes[0],) for row in rows if row.split == split}
        if kinds != {True, False}:
            lacking = "anomalous" if True in kinds else "normal"
            raise StoreError(
                f"no {lacking} video is left for the {split} split of {root}; give a split to each "
                "video, or more videos of different sources to each class"
            )
    found = _find_files(rows)
    return [_item(row, classes[0], locate(found, str(row.path))) for row in rows]


def _find_files(rows: Sequence[Row]) -> dict[str, Path]:
    """Return the rows' files by the paths that are listed, as ``under_listed_names`` takes them."""
    found = {str(row.path): row.path for row in rows if _is_video(row.path)}
    entries = cache(_entries)  # for now: a folder may change
    for row in rows:
        if str(row.path) not in found and not is_remote(row.path):
            wanted = Path(str(row.path).replace("\\", "/"))
            found |= {str(path): path for path in _alike(wanted, entries) if _is_video(path)}
    return under_listed_names(found, [str(row.path) for row in rows])


def _is_video(path: Path) -> bool:
    return path.is_file() or size_of(str(path)) is not None


def _alike(path: Path, entries: Callable[[Path], list[Path]]) -> list[Path]:
    """Return what lies at a path, or else at those that differ in case and accents alone."""
    if path.exists() or path == path.parent:
        return [path]
    return [
        entry
        for folder in _alike(path.parent, entries)
        for entry in entries(folder)
        if plain(entry.name) == plain(path.name)
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # a file, or a folder that may not be listed
        return []


def _item(row: Row, normal: str, path: str) -> VideoItem:
    if normal in row.labels and len(row.labels) > 1:
        raise StoreError(f"{row.name} is {', '.join(row.labels)}: normal and something else")
    split = row.split or "none"
    events = row.events
    if events is None:
        events = tuple(Event(0, WHOLE, label) for label in row.labels if label != normal)
    return VideoItem(
        video_id=row.name,
        path=path,
        split=split,
        labels=row.labels,
        events=events if split == "test" else None,
        group=row.group,
    )


DATASET = Dataset(
    name="custom",
    classes=(),
    prompts=(),
    discover=discover,
    preset="small",
    recipe="centre",
    describe=describe,
)
