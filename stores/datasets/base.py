"""What a data set is to the rest: classes, prompts, protocol settings and a way to find its videos.

A data set is one module of this package that defines ``DATASET``; nothing else has to be edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from stores.locations import find_files, is_remote
from stores.records import StoreError, VideoItem

VIDEO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("mp4", "m4v", "mov", "3gp", "avi", "mkv", "webm", "ogv", "flv", "wmv", "asf", "mxf"),
        *("mpg", "mpeg", "vob", "ts", "mts", "m2ts", "gif"),
    )
)


class Discover(Protocol):
    """How a data set finds its videos: below ``root``, by the lists in ``lists`` or in the root."""

    def __call__(self, root: Path, lists: Path | None = None) -> Sequence[VideoItem]:
        """Return the videos in a fixed order; a StoreError says what is not as it has to be."""


Itemise = Callable[[Path, Path | None, Mapping[str, Path]], Sequence[VideoItem]]
Describe = Callable[[Path, Path | None], "Dataset"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set's fixed facts, and ``discover`` to find its videos below a root.

    ``classes[0]`` is the normal class. ``prompts`` gives each class one or more texts for CLIP.
    ``test_crop`` is the crop of ten that the published lists score, ``frame_rate`` that of nearly
    all its videos, for features that came without; ``preset`` names the model settings (see
    ``model.config``); ``metric`` is the figure the field reports for this data set.
    """

    name: str
    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]
    discover: Discover
    preset: str
    recipe: str
    test_crop: int = 0
    frame_rate: float = 30.0
    metric: Literal["auc", "ap"] = "auc"
    generate: Callable[[Path, int], None] | None = field(default=None)
    """Writes the data set itself below a root from a seed; None where it has to be obtained."""
    itemise: Itemise | None = field(default=None)
    """The items of the lists in a folder, given which file each name has; None without lists."""
    part_of: Callable[[VideoItem], str] | None = field(default=None)
    """Names the published archive that a video comes in, '' where that is not known."""
    describe: Describe | None = field(default=None)
    """Completes the data set from its root, where classes are not known before; else None."""
    note: str = ""
    """How a described data set was understood, for its owner to check."""


def names() -> list[str]:
    """Return the names of all data sets, sorted: every module beside this one."""
    package = importlib.import_module("stores.datasets")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "base")


def load(name: str) -> Dataset:
    """Return the data set called ``name``.

    Raises:
        StoreError: There is none of that name; the message lists those there are.
    """
    if name not in names():
        raise StoreError(f"unknown data set {name!r}; there are {', '.join(names())}")
    dataset: Dataset = importlib.import_module(f"stores.datasets.{name}").DATASET
    return dataset


def find_videos(root: Path) -> list[Path]:
    """Return every file below ``root`` whose suffix says video, sorted, links followed once.

    Raises:
        StoreError: ``root`` is not a folder.
    """
    if not root.is_dir():
        raise StoreError(f"no such folder: {root}; give the folder that holds the videos")
    if is_remote(root):
        return [path for path, _ in find_files(root) if path.suffix.lower() in VIDEO_SUFFIXES]
    found: list[Path] = []
    seen: set[Path] = set()
    pending = [root]
    while pending:
        folder = pending.pop()
        real = folder.resolve()
        if real in seen:
            continue
        seen.add(real)
        for entry in folder.iterdir():
            if entry.is_dir():
                pending.append(entry)
            elif entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file():
                found.append(entry)
    return sorted(found)


def find_list(root: Path, lists: Path | None, name: str) -> Path:
    """Return the list file called ``name``: in ``lists`` where given, else in or just below root.

    Raises:
        StoreError: The folder is none, or the list is not there.
    """
    folder = root if lists is None else lists
    if not folder.is_dir():
        raise StoreError(f"no such folder: {folder}; give the folder that holds the data set")
    for path in [folder / name, *sorted(folder.glob(f"*/{name}"))]:
        if path.is_file():
            return path
    raise StoreError(
        f"{name} is not in {folder}; it comes with the data set: put it there, or give --lists"
    )


def refuse_lists(name: str, lists: Path | None) -> None:
    """Raise StoreError where lists are given for a data set that has none."""
    if lists is not None:
        raise StoreError(f"data set {name} has no lists, got {lists}; leave --lists out")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that is not blank.

    Raises:
        StoreError: The file cannot be read as UTF-8 text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as text: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.strip()


def group_by_stem(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return videos by their name without suffix, those of one name in the order given."""
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        groups[path.stem].append(path)
    return dict(groups)


def are_copies(paths: Sequence[Path]) -> bool:
    """Return whether files of one name are as long as one another; empty ones do not count."""
    # One file is not asked for: over a network thousands of questions take minutes.
    return len(paths) == 1 or len({path.stat().st_size for path in paths} - {0}) <= 1


def index_by_stem(root: Path) -> dict[str, Path]:
    """Return every video below ``root`` by its name without suffix.

    Of several copies the first that is not empty is taken. Different videos of one name are left
    out, as if none were there: which one is meant cannot be known (``stores.inventory`` names
    them).

    Raises:
        StoreError: ``root`` is not a folder.
    """
    return {
        stem: next((path for path in paths[:-1] if path.stat().st_size), paths[-1])
        for stem, paths in group_by_stem(find_videos(root)).items()
        if are_copies(paths)
    }


def locate(index: Mapping[str, Path], name: str) -> str:
    """Return the absolute path of a video of that name, empty where there is none."""
    path = index.get(name)
    return "" if path is None else str(path.absolute())
