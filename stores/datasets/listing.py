"""The lists that come with a data set: found, read, and matched with what is below its root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from stores.datasets.base import MOST_FRAMES, grouped
from stores.files.locations import regular
from stores.files.names import plain
from stores.records import Event, Split, StoreError, VideoItem

Found = TypeVar("Found")


def find_list(root: Path, lists: Path | None, name: str) -> Path:
    """Return the list file called ``name``: in ``lists`` where given, else in or just below root.

    Raises:
        StoreError: The folder is none, or the list is not there.
    """
    if (path := optional_list(root, lists, name)) is None:
        remedy = (
            "it comes with the data set: put it there, or give --lists, or another --dataset "
            "(folder takes any videos)"
        )
        raise StoreError(f"{name} is not in {root if lists is None else lists}; {remedy}")
    return path


def optional_list(root: Path, lists: Path | None, name: str) -> Path | None:
    """Return the list file called ``name`` where it is, or None; a StoreError names no folder."""
    folder = root if lists is None else lists
    if not folder.is_dir():
        raise StoreError(f"no such folder: {folder}; give the folder that holds the data set")
    paths = [folder / name, *sorted(folder.glob(f"*/{name}"))]
    return next((path for path in paths if regular(path).is_file()), None)


def refuse_lists(name: str, lists: Path | None) -> None:
    """Raise StoreError where lists are given for a data set that has none."""
    if lists is not None:
        raise StoreError(f"data set {name} has no lists, got {lists}; leave --lists out")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that is not blank.

    Raises:
        StoreError: It is no file, cannot be read as UTF-8 text, or holds a NUL.
    """
    try:
        # Editors on Windows put a mark before the first name.
        text = regular(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as text: {error}; save it as UTF-8") from error
    # Not splitlines: a name may hold what Unicode calls a line's end.
    for number, line in enumerate(text.split("\n"), start=1):
        if "\0" in line:
            raise StoreError(f"{path} line {number}: {line[:80]!r} holds a NUL; save it as UTF-8")
        if line.strip():
            yield number, line.strip()


def events_in(words: Sequence[str], label: str, path: Path, number: int) -> tuple[Event, ...]:
    """Return the half-open pairs of frames that end a line as events; -1 -1 stands for none.

    Raises:
        StoreError: They are no numbers, no pairs, or a stretch does not end after it begins.
    """
    try:
        frames = [int(word) for word in words]
        pairs = [*zip(frames[::2], frames[1::2], strict=True)]
    except ValueError as error:
        raise StoreError(f"{path} line {number}: {words[:9]} are no pairs of frames") from error
    stated = [pair for pair in pairs if pair != (-1, -1)]
    for start, end in stated:
        if not 0 <= start < end <= MOST_FRAMES:
            raise StoreError(f"{path} line {number}: frames {start} to {end} are no stretch")
    return tuple(Event(start, end, label) for start, end in stated)


Line: TypeAlias = tuple[str, str, tuple[Event, ...]]
"""A listed video: its name, its class, and its events, which count in the test split alone."""


def list_videos(
    listed: Mapping[Split, Iterable[Line]], found: Mapping[str, Path]
) -> list[VideoItem]:
    """Return the videos of a data set's lists in their order, with an empty path where none is.

    ``found`` gives a name's file or folder. Errors are as in :func:`refuse_doubles`.
    """
    lines = [(split, *line) for split, own in listed.items() for line in own]
    found = under_listed_names(found, [name for _, name, _, _ in lines])
    items = [
        VideoItem(
            video_id=name,
            path=locate(found, name),
            split=split,
            labels=(label,),
            events=events if split == "test" else None,
        )
        for split, name, label, events in lines
    ]
    refuse_doubles(items)
    return items


def refuse_none(items: Sequence[VideoItem], name: str, root: Path) -> None:
    """Raise StoreError where not one video of the lists of data set ``name`` is there."""
    if not any(item.path for item in items):
        raise StoreError(f"none of the {len(items)} listed {name} videos is below {root}")


def refuse_doubles(items: Sequence[VideoItem]) -> None:
    """Raise StoreError where a name is listed twice: of which split it is would be a guess."""
    seen: dict[str, VideoItem] = {}
    for item in items:
        first = seen.setdefault(item.video_id, item)
        if first is not item:
            raise StoreError(
                f"{item.video_id!r} is listed twice ({first.split}, {item.split}); remove one line"
            )


def listed_name(entry: str) -> str:
    """Return the name in an entry of a list, ``folder/name.mp4`` with slashes of any system."""
    name = entry.replace("\\", "/").rpartition("/")[2]
    return name[:-4] if name[-4:].lower() == ".mp4" else name


def under_listed_names(found: Mapping[str, Found], listed: Iterable[str]) -> dict[str, Found]:
    """Return what was found under the names that a list has for it, all else under its own.

    A name that is not found as it is stands for the one that differs from it in case, accents taken
    apart or slashes alone, if there is one alone, and if no other listed name may mean that.
    """
    names = dict.fromkeys(listed)
    absent = grouped((name for name in names if name not in found), plain)
    free = grouped((name for name in found if name not in names), plain)
    meant = {
        free[key][0]: own[0]
        for key, own in absent.items()
        if len(own) == len(free.get(key, ())) == 1
    }
    return {meant.get(name, name): value for name, value in found.items()}


def locate(index: Mapping[str, Path], name: str) -> str:
    """Return the absolute path of a video of that name, empty where there is none."""
    return str(index[name].absolute()) if name in index else ""
