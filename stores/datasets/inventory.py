"""What lies below a root against what a data set lists: missing, empty, doubled, left over.

Looks at names and sizes alone, so that thousands of videos take a second; whether a file can be
read is not known here.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stores.datasets.base import Dataset, are_copies, group_by_stem
from stores.files.locations import size_of
from stores.files.names import printable
from stores.files.scan import walk
from stores.records import VideoItem


@dataclass(frozen=True, slots=True)
class PartLoss:
    """An archive of which videos are missing: ``missing`` of ``listed``."""

    part: str
    missing: int
    listed: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """The videos of a data set, sorted by what is wrong with them.

    ``items`` are all of them; each is in exactly one of ``present``, ``empty`` (0 bytes),
    ``clashing`` (different files of its name, so that none is taken) and ``missing``. ``copies``
    are further files of a name with equal content size, ``extra`` videos that no list names,
    ``broken_links`` links that lead nowhere, ``unreadable`` folders that cannot be listed,
    ``leftovers`` archives and unfinished downloads.
    ``renamed`` pairs a missing video with an extra one whose name is the same but for case or a
    mark of copying.
    """

    items: tuple[VideoItem, ...]
    present: tuple[VideoItem, ...]
    empty: tuple[VideoItem, ...]
    clashing: tuple[tuple[VideoItem, tuple[Path, ...]], ...]
    missing: tuple[VideoItem, ...]
    copies: tuple[tuple[Path, ...], ...]
    extra: tuple[Path, ...]
    renamed: tuple[tuple[str, Path], ...]
    broken_links: tuple[Path, ...]
    unreadable: tuple[Path, ...]
    leftovers: tuple[Path, ...]
    parts: tuple[PartLoss, ...]
    bytes: int


def take_inventory(dataset: Dataset, root: Path, lists: Path | None = None) -> Inventory:
    """Compare a data set with what lies below ``root``.

    Raises:
        StoreError: As the data set's ``discover``: no folder, no lists, or not one video.
    """
    items = tuple(dataset.discover(root, lists))
    tree = walk(root.parent if root.is_file() else root)  # the root may be a list of videos
    videos = tree.videos
    used = {item.path for item in items if item.path}
    unused = [path for path in videos if str(path.absolute()) not in used]
    by_stem = group_by_stem(videos)
    present, empty, missing = [], [], []
    clashing: list[tuple[VideoItem, tuple[Path, ...]]] = []
    size = 0
    for item in items:
        own = size_of(item.path)
        rivals = by_stem.get(item.video_id, [])
        if own:
            size += own
            present.append(item)
        elif own == 0:
            empty.append(item)
        elif len(rivals) > 1 and not are_copies(rivals):
            clashing.append((item, tuple(rivals)))
        else:
            missing.append(item)
    listed = {item.video_id for item in items}
    extra = [path for path in unused if printable(path.stem) not in listed]
    return Inventory(
        items=items,
        present=tuple(present),
        empty=tuple(empty),
        clashing=tuple(clashing),
        missing=tuple(missing),
        copies=tuple(
            tuple(paths)
            for stem, paths in by_stem.items()
            if len(paths) > 1 and stem in listed and are_copies(paths)
        ),
        extra=tuple(extra),
        renamed=tuple(_renamed(missing, extra)),
        broken_links=tuple(tree.broken_links),
        unreadable=tuple(tree.unreadable),
        leftovers=tuple(tree.leftovers),
        parts=tuple(_parts(dataset, items, missing)),
        bytes=size,
    )


def restricted(inventory: Inventory, items: Sequence[VideoItem]) -> Inventory:
    """Return the inventory as if the data set were ``items`` alone."""
    kept = {item.video_id for item in items}

    def only(videos: Sequence[VideoItem]) -> tuple[VideoItem, ...]:
        return tuple(item for item in videos if item.video_id in kept)

    present = only(inventory.present)
    return replace(
        inventory,
        items=only(inventory.items),
        present=present,
        empty=only(inventory.empty),
        clashing=tuple(pair for pair in inventory.clashing if pair[0].video_id in kept),
        missing=only(inventory.missing),
        bytes=sum(size_of(item.path) or 0 for item in present),
    )


def _renamed(missing: Sequence[VideoItem], extra: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the missing videos that an extra file seems to be."""
    candidates = {_plain(path.stem): path for path in extra}
    for item in missing:
        if path := candidates.get(_plain(item.video_id)):
            yield item.video_id, path


def _plain(name: str) -> str:
    """Return a name without case, and without what browsers and file managers add to copies."""
    return re.sub(r"(\s*\(\d+\)|\s*-?\s*copy)$", "", name.strip().casefold())


def _parts(
    dataset: Dataset, items: Sequence[VideoItem], missing: Sequence[VideoItem]
) -> Iterator[PartLoss]:
    """Yield the archives that videos are missing of, in the order of the lists."""
    if dataset.part_of is None:
        return
    listed = Counter(part for item in items if (part := dataset.part_of(item)))
    lost: defaultdict[str, int] = defaultdict(int)
    for item in missing:
        lost[dataset.part_of(item)] += 1
    for part, count in listed.items():
        if lost[part]:
            yield PartLoss(part, lost[part], count)
