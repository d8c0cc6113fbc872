"""What a data set is: classes, prompts, protocol settings and a way to find its videos.

A data set is one module of this package that defines ``DATASET``; nothing else has to be edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from stores.files.kinds import stem_of
from stores.files.locations import size_of
from stores.files.names import printable
from stores.files.scan import find_videos
from stores.records import StoreError, VideoItem

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
    """Return the names of all data sets, sorted: every module but ``base`` and what serves it."""
    package = importlib.import_module("stores.datasets")
    found = {module.name for module in pkgutil.iter_modules(package.__path__)}
    return sorted(found - {"base", "inventory", "listing"})


def load(name: str) -> Dataset:
    """Return the data set called ``name``.

    Raises:
        StoreError: There is none of that name; the message lists those there are.
    """
    if name not in names():
        raise StoreError(f"unknown data set {name!r}; there are {', '.join(names())}")
    return importlib.import_module(f"stores.datasets.{name}").DATASET


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
