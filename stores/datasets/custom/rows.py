"""Labelled videos as they are listed: class folders, a CSV, or a file of one JSON object a line."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stores.datasets.base import MOST_FRAMES
from stores.datasets.listing import read_lines
from stores.files.locations import regular
from stores.files.names import composed, is_unicode, printable
from stores.files.scan import walk
from stores.files.typed import convert, decode_json
from stores.records import Event, Split, StoreError

LIST_NAMES = "videos.csv", "videos.jsonl"
"""Lists that are found in a root by their name."""

_SUFFIXES = ".csv", ".tsv", ".jsonl"
_COLUMNS = "path", "labels", "label", "split", "events", "group"
_SPLITS: Mapping[str, Split] = {"train": "train", "training": "train", "test": "test"}
_EVENT = re.compile(
    r"\s*(?P<start>\d[\d.]*\s*s?)\s*-\s*(?P<end>\d[\d.]*\s*s?)\s*(?::\s*(?P<label>.+?))?\s*"
)
_SECONDS = re.compile(r"(?P<number>\d{1,9}(\.\d{1,9})?)\s*s")


@dataclass(frozen=True, slots=True)
class Row:
    """A video as it is listed; ``events`` and ``split`` are None and ``group`` '' where not given.

    ``name`` is its path below the root, with forward slashes, which becomes its id.
    """

    name: str
    path: Path
    labels: tuple[str, ...]
    split: Split | None = None
    events: tuple[Event, ...] | None = None
    group: str = ""


_Labels = str | int | list[str | int]


@dataclass(frozen=True, slots=True)
class _ListedEvent:
    """An event as it is listed."""

    start: int | str
    end: int | str
    label: str | int | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A line of a list as it is written; None where it says nothing."""

    path: str
    labels: _Labels | None = None
    label: _Labels = ""
    split: str | None = None
    events: str | _ListedEvent | list[_ListedEvent] | None = None
    group: str | int = ""


def find_rows(root: Path) -> list[Row]:
    """Return the rows of a root: a list file, a folder with one, or a folder of class folders.

    Raises:
        StoreError: There is nothing of the kind, or a line that cannot be understood.
    """
    if regular(root).is_file():
        return read_rows(root)
    for name in LIST_NAMES:
        if regular(root / name).is_file():
            return read_rows(root / name)
    return _class_folders(root)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a list file; paths in it are relative to its folder.

    A CSV has the columns ``path`` and ``labels`` (or ``label``), and may have ``split``, ``events``
    and ``group``; several labels and events are separated by semicolons, an event is
    ``120-240:fight`` in frames or ``4.8s-9.6s:fight`` in seconds, half-open. Other columns are
    ignored.

    Raises:
        StoreError: It cannot be read, names no video, or has a line that is not understood.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise StoreError(f"{path} is no list of videos; give a folder, or one of {_SUFFIXES}")
    rows: dict[str, Row] = {}
    for number, fields in _objects(path) if path.suffix.lower() == ".jsonl" else _records(path):
        where = f"{path} line {number}"
        listed = convert(fields, _Listed, where)
        try:
            row = _row(listed, path.parent)
        except ValueError as error:
            raise StoreError(f"{where}: {error}") from error
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
        name = printable(path.relative_to(root).as_posix())
        label = composed(printable(own[0]))
        rows.append(Row(name=name, path=path.absolute(), labels=(label,), split=split))
    if not rows:
        expected = "expected a folder a class, or a videos.csv"
        raise StoreError(f"no video below {root}; {tree.instead}; {expected}")
    return rows


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield line number and fields of a CSV, or TSV, with a header line."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            columns = Counter(reader.fieldnames or ())
            if "path" not in columns or not columns.keys() & {"label", "labels"}:
                raise StoreError(
                    f"{path} has columns {reader.fieldnames}, expected path and labels at least"
                )
            if twice := [name for name in _COLUMNS if columns[name] > 1]:
                raise StoreError(f"{path} has two columns {twice[0]}; remove one")
            for fields in reader:
                if None in fields:  # a comma in a path that is not quoted
                    raise StoreError(f"{path} line {reader.line_num}: more fields than columns")
                yield reader.line_num, _given(fields)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} cannot be read as CSV: {error}") from error


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that hold something; spaces alone are nothing."""
    return {key: value for key, value in fields.items() if value and value.strip()}


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in read_lines(path):
        fields = decode_json(line, dict[str, Any], f"{path} line {number}")
        yield number, {key: value for key, value in fields.items() if value is not None}


def _row(listed: _Listed, folder: Path) -> Row:
    """Return one row; a ValueError says what is wrong."""
    path = listed.path.strip()
    if not path or not path.isprintable():
        raise ValueError(f"{path!r} is no path of a video")
    labels = _labels(listed.label if listed.labels is None else listed.labels)
    split = None if listed.split is None else _SPLITS.get(listed.split.strip().casefold())
    if split is None and listed.split is not None:
        raise ValueError(f"split is {listed.split!r}, expected train or test")
    return Row(
        name=Path(path).as_posix(),
        path=(folder / path).absolute(),
        labels=labels,
        split=split,
        events=None if listed.events is None else _events(listed.events, labels),
        group=str(listed.group).strip(),
    )


def _labels(listed: _Labels) -> tuple[str, ...]:
    parts = map(str, listed) if isinstance(listed, list) else str(listed).split(";")
    labels = tuple(dict.fromkeys(composed(part.strip()) for part in parts if part.strip()))
    if not labels:
        raise ValueError("no label")
    if strange := [label for label in labels if not is_unicode(label)]:
        raise ValueError(f"label {strange[0]!r} is no valid Unicode")
    return labels


def _events(
    listed: str | _ListedEvent | list[_ListedEvent], labels: tuple[str, ...]
) -> tuple[Event, ...]:
    """Return events given as text, or as objects with start, end and label."""
    if isinstance(listed, str):
        if listed.strip().casefold() == "none":
            return ()
        parts = [part for part in listed.split(";") if part.strip()]
        if not parts:
            raise ValueError(f"events are {listed!r}; write none where there is no event")
        return tuple(_event_of_text(part, labels) for part in parts)
    return tuple(_event(e, labels) for e in (listed if isinstance(listed, list) else [listed]))


def _event_of_text(text: str, labels: tuple[str, ...]) -> Event:
    match = _EVENT.fullmatch(text)
    if match is None:
        raise ValueError(f"event {text!r} is not start-end:label in frames, or 1.5s-3s:label")
    return _event(_ListedEvent(match["start"], match["end"], match["label"]), labels)


def _event(listed: _ListedEvent, labels: tuple[str, ...]) -> Event:
    stated = str(listed.start).strip(), str(listed.end).strip()
    in_seconds = [_SECONDS.fullmatch(each) for each in stated]
    if any(in_seconds) and not all(in_seconds):
        raise ValueError(f"event {'-'.join(stated)}: write s behind both numbers of seconds")
    start, end = (
        round(1000 * float(seconds["number"])) if seconds else _frame(each)
        for seconds, each in zip(in_seconds, stated, strict=True)
    )
    if not 0 <= start < end <= MOST_FRAMES:
        what = "second" if all(in_seconds) else "frame"
        raise ValueError(f"event {'-'.join(stated)}: expected the first {what} before the last")
    label = None if listed.label is None else composed(str(listed.label))
    if label is None and len(labels) > 1:
        raise ValueError(f"event {'-'.join(stated)} has no label, and its video has several")
    if label is not None and label not in labels:
        its = ", ".join(labels)
        raise ValueError(f"event {'-'.join(stated)} is of class {label}, its video of {its}")
    unit: Literal["frames", "milliseconds"] = "milliseconds" if all(in_seconds) else "frames"
    return Event(start, end, labels[0] if label is None else label, unit)


def _frame(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 20 else -1
