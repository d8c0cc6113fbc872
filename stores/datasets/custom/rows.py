"""Labelled videos as they are told: class folders, a CSV, or a file with one JSON object a line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stores.datasets.base import MOST_FRAMES, read_lines
from stores.files.names import printable
from stores.files.scan import walk
from stores.records import Event, Split, StoreError

LIST_NAMES = "videos.csv", "videos.jsonl"
"""Lists that are taken from a root without being named."""

_SUFFIXES = ".csv", ".tsv", ".jsonl"
_SPLITS: Mapping[str, Split] = {"train": "train", "training": "train", "test": "test"}
_EVENT = re.compile(r"\s*(?P<start>\d+)\s*-\s*(?P<end>\d+)\s*(?::\s*(?P<label>.+?))?\s*")


@dataclass(frozen=True, slots=True)
class Row:
    """A video as it is listed; ``events`` and ``split`` are None and ``group`` '' where not told.

    ``name`` is its path below the root, with forward slashes, which becomes its id.
    """

    name: str
    path: Path
    labels: tuple[str, ...]
    split: Split | None = None
    events: tuple[Event, ...] | None = None
    group: str = ""


def find_rows(root: Path) -> list[Row]:
    """Return the rows of a root: a list file, a folder with one, or a folder of class folders.

    Raises:
        StoreError: There is nothing of the kind, or a line that cannot be understood.
    """
    if root.is_file():
        return read_rows(root)
    for name in LIST_NAMES:
        if (root / name).is_file():
            return read_rows(root / name)
    return _class_folders(root)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a list file; paths in it are relative to its folder.

    A CSV has the columns ``path`` and ``labels`` (or ``label``), and may have ``split``, ``events``
    and ``group``; several labels and events are separated by semicolons, an event is
    ``120-240:fight`` in frames, half-open. Other columns are passed over.

    Raises:
        StoreError: It cannot be read, names no video, names one twice, or a line is not
            understood; the message says which.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise StoreError(f"{path} is no list of videos; give a folder, or one of {_SUFFIXES}")
    rows: dict[str, Row] = {}
    for number, fields in _objects(path) if path.suffix.lower() == ".jsonl" else _records(path):
        try:
            row = _row(fields, path.parent)
        except (KeyError, ValueError) as error:
            told = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise StoreError(f"{path} line {number}: {told}") from error
        if row.name in rows:
            raise StoreError(f"{path} line {number}: {row.name} is listed twice")
        rows[row.name] = row
    if not rows:
        raise StoreError(f"{path} lists no video")
    return list(rows.values())


def _class_folders(root: Path) -> list[Row]:
    """Return the videos of ``<class>/…`` or ``train/<class>/…`` and ``test/<class>/…``."""
    rows: list[Row] = []
    tree = walk(root)
    for path in sorted([*tree.videos, *tree.unusable]):
        *folders, _ = path.relative_to(root).parts
        split = _SPLITS.get(folders[0].casefold()) if len(folders) > 1 else None
        own = folders[1:] if split else folders
        if not own:
            raise StoreError(
                f"{path} lies in no class folder; put each video below a folder that is named for "
                "its class, or list the videos in videos.csv (path, labels)"
            )
        name, label = printable(path.relative_to(root).as_posix()), printable(own[0])
        rows.append(Row(name=name, path=path.absolute(), labels=(label,), split=split))
    if not rows:
        raise StoreError(f"no video below {root}; expected a folder a class, or a videos.csv")
    return rows


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield line number and fields of a CSV, or TSV, with a header line."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            missing = {"path"} - set(reader.fieldnames or ())
            if missing or not {"label", "labels"} & set(reader.fieldnames or ()):
                raise StoreError(
                    f"{path} has columns {reader.fieldnames}, expected path and labels at least"
                )
            for fields in reader:
                if None in fields:  # a comma in a path that is not quoted
                    raise StoreError(f"{path} line {reader.line_num}: more fields than columns")
                yield reader.line_num, {key: value for key, value in fields.items() if value}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} cannot be read as CSV: {error}") from error


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in read_lines(path):
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            raise StoreError(f"{path} line {number}: no JSON: {error}") from error
        if not isinstance(fields, dict):
            raise StoreError(f"{path} line {number}: {line!r} is no JSON object")
        yield number, {key: value for key, value in fields.items() if value is not None}


def _row(fields: Mapping[str, Any], folder: Path) -> Row:
    """Return one row; a KeyError names a field that is missing, a ValueError says what is wrong."""
    told = str(fields["path"]).strip()
    if not told or not told.isprintable():
        raise ValueError(f"{told!r} is no path of a video")
    labels = _labels(fields.get("labels", fields.get("label", "")))
    split = fields.get("split")
    if split is not None and str(split).strip().casefold() not in _SPLITS:
        raise ValueError(f"split is {split!r}, expected train or test")
    events = fields.get("events")
    return Row(
        name=Path(told).as_posix(),
        path=(folder / told).absolute(),
        labels=labels,
        split=None if split is None else _SPLITS[str(split).strip().casefold()],
        events=None if events is None else _events(events, labels),
        group=str(fields.get("group", "")).strip(),
    )


def _labels(told: object) -> tuple[str, ...]:
    parts = [str(part) for part in told] if isinstance(told, list) else str(told).split(";")
    labels = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not labels:
        raise ValueError("no label")
    return labels


def _events(told: object, labels: tuple[str, ...]) -> tuple[Event, ...]:
    """Return events given as text, or as a list of objects with start, end and label."""
    if isinstance(told, str):
        if told.strip().casefold() == "none":
            return ()
        return tuple(_event_of_text(part, labels) for part in told.split(";") if part.strip())
    events = []
    for part in told if isinstance(told, list) else [told]:
        if not isinstance(part, dict) or not {"start", "end"} <= set(part):
            raise ValueError(f"event {part!r} has no start and end")
        events.append(_event((part["start"], part["end"]), part.get("label"), labels))
    return tuple(events)


def _event_of_text(text: str, labels: tuple[str, ...]) -> Event:
    match = _EVENT.fullmatch(text)
    if match is None:
        raise ValueError(f"event {text!r} is not start-end:label in frames")
    return _event((match["start"], match["end"]), match["label"], labels)


def _event(told: tuple[object, object], label: object, labels: tuple[str, ...]) -> Event:
    start, end = (int(frame) if frame.isdecimal() else -1 for frame in map(str, told))
    if not 0 <= start < end <= MOST_FRAMES:
        raise ValueError(f"event {told[0]}-{told[1]}: expected frames, the first before the last")
    if label is None and len(labels) > 1:
        raise ValueError(f"event {start}-{end} has no label, and its video has several")
    if label is not None and label not in labels:
        raise ValueError(f"event {start}-{end} is of class {label}, its video of {labels}")
    return Event(start, end, labels[0] if label is None else str(label))
