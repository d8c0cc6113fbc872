"""What a data set is: classes, prompts, protocol settings and a way to find its videos.

A data set is one module of this package that defines ``DATASET``; nothing else has to be edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from stores.files.kinds import stem_of
from stores.files.locations import regular, size_of
from stores.files.names import plain, printable
from stores.files.scan import find_videos
from stores.records import Event, StoreError, VideoItem

MOST_FRAMES = 2**31 - 1
"""Frames are counted in 32 bits in every file: two years at 30 a second."""


class Discover(Protocol):
    """How a data set finds its videos: below ``root``, by the lists in ``lists`` or in the root."""

    def __call__(self, root: Path, lists: Path | None = None) -> Sequence[VideoItem]:
        """Return the videos in a fixed order; a StoreError says which file or line is wrong."""


Metric = Literal["auc", "ap"]
Found = TypeVar("Found")
Group = TypeVar("Group")
Member = TypeVar("Member")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is fixed of a data set, and ``discover`` to find its videos below a root.

    ``classes[0]`` is the normal class. ``prompts`` gives each class one or more texts for CLIP.
    ``test_crop`` is the crop of ten that the published lists score, ``frame_rate`` that of nearly
    all its videos, for features that came without; ``preset`` names the model settings (see
    ``model.heads``); ``metric`` is the figure the field reports for this data set.
    ``normal_is_event`` says that the published truth of detection counts a normal test video as one
    event of the normal class, from its first frame to its last, in the mAP over all classes.
    """

    name: str
    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]
    discover: Discover
    preset: str
    recipe: str
    test_crop: int = 0
    frame_rate: float = 30.0
    metric: Metric = "auc"
    normal_is_event: bool = False
    generate: Callable[[Path, int], None] | None = None
    """Writes the data set itself below a root from a seed; None where it has to be obtained."""
    itemise: Callable[[Path, Path | None, Mapping[str, Path]], Sequence[VideoItem]] | None = None
    """The items of the lists in a folder, given which file each name has; None without lists."""
    part_of: Callable[[VideoItem], str] | None = None
    """Names the published archive that a video comes in, '' where none is published."""
    lengths: Callable[[Path, Path | None], Mapping[str, Mapping[str, range]]] | None = None
    """What its lists give as numbers of frames: of a video, by the list that says so."""
    describe: Callable[[Path, Path | None], Dataset] | None = None
    """Completes the data set from its root where that defines the classes; else None."""
    note: str = ""
    """How a described data set was understood, for its owner to check."""


def names() -> list[str]:
    """Return the names of all data sets, sorted: every module here but ``base``, ``inventory``."""
    package = importlib.import_module("stores.datasets")
    found = {module.name for module in pkgutil.iter_modules(package.__path__)}
    return sorted(found - {"base", "inventory"})


def load(name: str) -> Dataset:
    """Return the data set called ``name``.

    Raises:
        StoreError: There is none of that name; the message lists those there are.
    """
    if name not in names():
        raise StoreError(f"unknown data set {name!r}; there are {', '.join(names())}")
    return importlib.import_module(f"stores.datasets.{name}").DATASET


def find_list(root: Path, lists: Path | None, name: str) -> Path:
    """Return the list file called ``name``: in ``lists`` where given, else in or just below root.

    Raises:
        StoreError: The folder is none, or the list is not there.
    """
    if (path := optional_list(root, lists, name)) is None:
        remedy = "it comes with the data set: put it there, or give --lists"
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


def refuse_doubles(items: Sequence[VideoItem]) -> None:
    """Raise StoreError where a name is listed twice: of which split it is would be a guess."""
    seen: dict[str, VideoItem] = {}
    for item in items:
        first = seen.setdefault(item.video_id, item)
        if first is not item:
            raise StoreError(
                f"{item.video_id!r} is listed twice ({first.split}, {item.split}); remove one line"
            )


def grouped(
    members: Iterable[Member], group_of: Callable[[Member], Group]
) -> dict[Group, list[Member]]:
    """Return the members of each group, groups and members in their order."""
    groups: defaultdict[Group, list[Member]] = defaultdict(list)
    for member in members:
        groups[group_of(member)].append(member)
    return dict(groups)


def group_by_stem(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return videos by their printable name without suffix, those of one name in order."""
    return grouped(paths, lambda path: printable(stem_of(path)))


def are_copies(paths: Sequence[Path]) -> bool:
    """Return whether files of one name are as long as one another; empty ones do not count."""
    # One file needs no request: over a network thousands of them take minutes.
    return len(paths) == 1 or len({size_of(str(path)) for path in paths} - {0, None}) <= 1


def index_by_stem(root: Path) -> dict[str, Path]:
    """Return every video below ``root`` by its name without suffix.

    Of several copies the first that is not empty is taken. Different videos of one name are left
    out, since either may be the listed one (``inventory`` names them). Errors are as in ``walk``.
    """
    return {
        stem: next((path for path in paths[:-1] if size_of(str(path))), paths[-1])
        for stem, paths in group_by_stem(find_videos(root)).items()
        if are_copies(paths)
    }


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
