"""Somebody's own classes: a folder of class folders, or a list of videos, split by source.

What is known of them is read from the root itself (see ``stores.labelled``), so the data set is
only whole once :func:`describe` has looked; what it found is kept beside the features.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from stores.datasets.base import MOST_FRAMES, Dataset, names
from stores.datasets.custom.description import (
    Description,
    find_description,
    order_classes,
    read_description,
    texts_of,
)
from stores.datasets.custom.rows import LIST_NAMES, Row, find_rows
from stores.datasets.custom.splits import group_rows, split_rows
from stores.files.commit import commit_text
from stores.records import Event, StoreError, VideoItem

FILE = "dataset.json"
SCHEMA = 1

WHOLE = MOST_FRAMES
"""End of an event that lasts as long as its video; it is cut there once the length is known."""

_NAME = re.compile(r"[\w][\w.-]*")


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos below ``root`` in natural order; ids are their paths from there.

    ``lists`` is a list of videos, a ``dataset.yaml``, or a folder with either; the root by default.
    A test video whose events are not told counts as its class from its first frame to its last.

    Raises:
        StoreError: No videos, a line or field that is not understood, or classes or sources that
            leave a split without normal or anomalous videos.
    """
    description, rows = _read(root, lists)
    classes = order_classes(description, _labels(rows))
    rows = split_rows(group_rows(rows, description.group), description.test_share)
    for split in "train", "test":
        kinds = {row.labels == (classes[0],) for row in rows if row.split == split}
        if kinds != {True, False}:
            told = "normal" if kinds == {False} else "anomalous" if kinds else "such"
            raise StoreError(
                f"no {told} video is left for the {split} split of {root}; give a split to each "
                "video, or more videos of different sources to each class"
            )
    return [_item(row, classes[0]) for row in rows]


def describe(root: Path, lists: Path | None = None) -> Dataset:
    """Return the data set that lies at ``root``, with its classes and texts; errors as discover."""
    description, rows = _read(root, lists)
    classes = order_classes(description, _labels(rows))
    items = discover(root, lists)
    splits = Counter(item.split for item in items)
    whole = sum(any(e.end == WHOLE for e in item.events or ()) for item in items)
    told = [
        f"{len(classes)} classes, {classes[0]} being the normal one",
        f"{splits['train']} videos to train on and {splits['test']} to test on",
    ]
    if any(row.split is None for row in rows):
        groups = group_rows(rows, description.group)
        told.append(f"split by {len({row.group for row in groups})} sources")
    if whole:
        told.append(f"test videos without events, which count as their class throughout: {whole}")
    return replace(
        DATASET,
        classes=classes,
        prompts=texts_of(description, classes),
        metric=description.metric,
        note="; ".join(told),
    )


def write_dataset(folder: Path, dataset: Dataset) -> None:
    """Commit what is known of a data set of one's own beside its features.

    What was known before is replaced: features depend on neither classes nor texts.

    Raises:
        StoreError: The folder cannot be written.
    """
    content = {
        "schema": SCHEMA,
        "name": dataset.name,
        "classes": dataset.classes,
        "prompts": dataset.prompts,
        "metric": dataset.metric,
    }
    commit_text(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_dataset(folder: Path) -> Dataset | None:
    """Return the data set whose features lie in ``folder``, or None where it is not one's own.

    Raises:
        StoreError: What is written of it is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise StoreError(f"{path} has schema {content['schema']}, expected {SCHEMA}")
        return replace(
            DATASET,
            name=content["name"],
            classes=tuple(content["classes"]),
            prompts=tuple(tuple(texts) for texts in content["prompts"]),
            metric=content["metric"],
        )
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise StoreError(
            f"damaged {path} ({error}); remove it and run extract again to write it anew"
        ) from error


def check_name(name: str) -> str:
    """Return the name if a data set of one's own may have it.

    Raises:
        StoreError: It is no plain folder name, or means something else already.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(f"--name {name!r} is no plain name; use letters, digits, - and _")
    if name in {*names(), "scores"} - {DATASET.name}:
        raise StoreError(f"--name {name} is taken; give your data set a name of its own")
    return name


def _read(root: Path, lists: Path | None) -> tuple[Description, list[Row]]:
    """Return what describes the videos, and the videos, from the root or the list beside it."""
    if not root.exists():
        raise StoreError(f"no such folder: {root}; give the folder that holds the videos")
    folder = root if root.is_dir() else root.parent
    if lists is None:
        return find_description([folder]), find_rows(root)
    if not lists.exists():
        raise StoreError(f"no such file or folder: {lists}")
    if lists.is_dir():
        listed = [lists / name for name in LIST_NAMES if (lists / name).is_file()]
        return find_description([lists, folder]), find_rows(listed[0] if listed else root)
    if lists.suffix in (".yaml", ".yml"):
        return read_description(lists), find_rows(root)
    return find_description([lists.parent, folder]), find_rows(lists)


def _labels(rows: list[Row]) -> list[str]:
    return sorted({label for row in rows for label in row.labels})


def _item(row: Row, normal: str) -> VideoItem:
    if normal in row.labels and len(row.labels) > 1:
        raise StoreError(f"{row.name} is {', '.join(row.labels)}: normal and something else")
    split = row.split or "none"
    events = row.events
    if events is None:
        events = tuple(Event(0, WHOLE, label) for label in row.labels if label != normal)
    return VideoItem(
        video_id=row.name,
        path=str(row.path) if row.path.is_file() else "",
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
