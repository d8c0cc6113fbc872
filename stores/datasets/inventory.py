"""What lies below a root against what a data set lists: missing, empty, doubled, left over.

Looks at names and sizes alone, so that thousands of videos take a second; no file is opened.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stores.datasets.base import Dataset, are_copies, group_by_stem, grouped
from stores.files.kinds import stem_of
from stores.files.locations import size_of
from stores.files.names import plain, printable
from stores.files.scan import Tree, walk
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
    are further files of a name with equal content size, ``extra`` videos that no list names;
    ``renamed`` pairs a missing video with every extra one whose name is the same but for case,
    accents taken apart or a mark of copying. ``tree`` is all that lies below the root.
    """

    items: tuple[VideoItem, ...]
    present: tuple[VideoItem, ...]
    empty: tuple[VideoItem, ...]
    clashing: tuple[tuple[VideoItem, tuple[Path, ...]], ...]
    missing: tuple[VideoItem, ...]
    copies: tuple[tuple[Path, ...], ...]
    extra: tuple[Path, ...]
    renamed: tuple[tuple[str, Path], ...]
    tree: Tree
    parts: tuple[PartLoss, ...]
    bytes: int


def take_inventory(dataset: Dataset, root: Path, lists: Path | None = None) -> Inventory:
    """Compare a data set with what lies below ``root``; errors as in its ``discover``."""
    items = tuple(dataset.discover(root, lists))
    tree = walk(root.parent if root.is_file() else root)  # the root may be a list of videos
    by_stem = group_by_stem(tree.videos)
    sizes = {item: size_of(item.path) for item in items}
    rivals = {i: tuple(by_stem.get(i.video_id, ())) for i, size in sizes.items() if size is None}
    clashing = {item: paths for item, paths in rivals.items() if not are_copies(paths)}
    missing = [item for item in rivals if item not in clashing]
    used, listed = {item.path for item in items}, {item.video_id for item in items}
    unused = (path for path in tree.videos if str(path.absolute()) not in used)
    extra = [path for path in unused if printable(stem_of(path)) not in listed]
    return Inventory(
        items=items,
        present=tuple(item for item, size in sizes.items() if size),
        empty=tuple(item for item, size in sizes.items() if size == 0),
        clashing=tuple(clashing.items()),
        missing=tuple(missing),
        copies=tuple(
            tuple(paths)
            for stem, paths in by_stem.items()
            if len(paths) > 1 and stem in listed and are_copies(paths)
        ),
        extra=tuple(extra),
        renamed=tuple(_renamed(missing, extra)),
        tree=tree,
        parts=tuple(_parts(dataset, items, missing)),
        bytes=sum(size or 0 for size in sizes.values()),
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
    """Yield the missing videos that extra files seem to be, with each of these."""
    candidates = grouped(extra, lambda path: _uncopied(stem_of(path)))
    for item in missing:
        own = Path(item.video_id.replace("\\", "/"))  # a path, where that is what is listed
        for path in candidates.get(_uncopied(stem_of(own)), ()):
            yield item.video_id, path


def _uncopied(name: str) -> str:
    """Return a name as ``plain``, and without what browsers and file managers add to copies."""
    return re.sub(r"(\s*\(\d+\)|\s*-?\s*copy)$", "", plain(name.strip()))


def _parts(
    dataset: Dataset, items: Sequence[VideoItem], missing: Sequence[VideoItem]
) -> Iterator[PartLoss]:
    """Yield the archives that videos are missing of, in the order of the lists."""
    if dataset.part_of is None:
        return
    listed = Counter(part for item in items if (part := dataset.part_of(item)))
    lost = Counter(map(dataset.part_of, missing))
    for part, count in listed.items():
        if lost[part]:
            yield PartLoss(part, lost[part], count)
