"""One walk over a folder of videos: what is there to read, and what is there and cannot be.

Nothing is skipped in silence: a folder that may not be listed, or a link that leads nowhere, is an
input as well, and has to end as a failure with its name. What is no video is counted by kind.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from os import stat_result
from pathlib import Path

from stores.files.kinds import (
    EMPTY,
    HEAD,
    UNKNOWN,
    UNREADABLE,
    VIDEO,
    is_doubtful,
    kind_by_content,
    kind_by_name,
)
from stores.files.locations import find_files, is_remote
from stores.files.names import one_line
from stores.files.sequences import numbered_images
from stores.records import StoreError

logger = logging.getLogger(__name__)

_EXAMPLES = 3
_SPECIAL = "pipes, sockets and devices"


@dataclass(frozen=True, slots=True)
class Tree:
    """What lies below the folder ``root``, each sorted.

    ``videos`` are files whose suffix says so, or whose first bytes do where it says nothing, and
    folders of numbered images.
    ``unusable`` have such a suffix and are no files: pipes, devices, links that lead nowhere or in
    circles. ``unreadable`` are folders that cannot be listed, ``broken_links`` links of any name
    that lead nowhere. All else is ``passed_over``, by its kind.
    """

    root: Path
    videos: list[Path] = field(default_factory=list)
    unusable: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    broken_links: list[Path] = field(default_factory=list)
    passed_over: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def others(self) -> list[str]:
        """What was passed over, a kind each: ``pictures: 12 (a.jpg, b.jpg, c.jpg, …)``."""
        unusable = set(self.unusable)
        lost = [path for path in self.broken_links if path not in unusable]
        kinds = self.passed_over | ({"links that lead nowhere": lost} if lost else {})
        return [
            f"{kind}: {len(paths):,} ({', '.join(self._examples(paths))})"
            for kind, paths in sorted(kinds.items())
        ]

    @property
    def instead(self) -> str:
        """What is there, for a message that says that no video is."""
        return f"only {', '.join(self.others)}" if self.others else "it is empty"

    def _examples(self, paths: Sequence[Path]) -> list[str]:
        names = [one_line(path.relative_to(self.root).as_posix()) for path in paths[:_EXAMPLES]]
        return names + ["…"] * (len(paths) > _EXAMPLES)


def walk(root: Path) -> Tree:
    """Return what lies below ``root``; links are followed, out of it too, each folder once.

    Behind a URL names alone say what a file is.

    Raises:
        StoreError: ``root`` is not a folder, or cannot be searched.
    """
    _require_folder(root)
    tree = Tree(root)
    if is_remote(root):  # where there are no links and no devices
        for path in find_files(root):
            _put(path, kind_by_name(path), tree)
        return tree
    seen: set[tuple[int, int]] = set()
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            pending += [path for path in _entries(folder, tree) if not _sort(path, tree)]
        except FileNotFoundError:
            continue  # removed while we looked
        except OSError:
            tree.unreadable.append(folder)
    if root in tree.unreadable:
        raise StoreError(f"cannot search {root}: this user may not; allow it, or give another")
    for kind in (tree.videos, tree.unusable, tree.unreadable, tree.broken_links):
        kind.sort()
    for paths in tree.passed_over.values():
        paths.sort()
    return tree


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        what = "no folder but a file" if root.is_file() else "no such folder"
        raise StoreError(f"{what}: {root}; give the folder that holds the videos")


def find_videos(root: Path) -> list[Path]:
    """Return every video below ``root``, sorted; errors as in :func:`walk`."""
    return walk(root).videos


def log_passed_over(tree: Tree) -> None:
    """Log one line on what below a folder is no video, where there is anything."""
    if tree.others:
        logger.info("passed over below %s: %s", tree.root, ", ".join(tree.others))


def _entries(folder: Path, tree: Tree) -> list[Path]:
    """Return what lies in a folder; where its images make it a video, that is put, and they not."""
    entries = list(folder.iterdir())
    images = {name for _, name in numbered_images(folder.name, (path.name for path in entries))}
    if images:
        tree.videos.append(folder)
    return [path for path in entries if path.name not in images]


def _sort(path: Path, tree: Tree) -> bool:
    """Put what is no folder where it belongs; return whether it was put."""
    named = kind_by_name(path)
    try:
        status = path.stat()
    except OSError:  # nothing there, a circle of links, or no permission
        is_link = False
        with suppress(OSError):
            is_link = path.is_symlink()
        if is_link:
            tree.broken_links.append(path)
        if named == VIDEO:
            tree.unusable.append(path)
        elif not is_link:
            _put(path, UNREADABLE, tree)
        return True
    if stat.S_ISDIR(status.st_mode):
        return False
    if stat.S_ISREG(status.st_mode):
        _put(path, _kind(path, named, status), tree)
    elif named == VIDEO:
        tree.unusable.append(path)
    else:
        _put(path, _SPECIAL, tree)
    return True


def _put(path: Path, kind: str, tree: Tree) -> None:
    (tree.videos if kind == VIDEO else tree.passed_over.setdefault(kind, [])).append(path)


def _kind(path: Path, named: str, status: stat_result) -> str:
    """Return what a file is; one that is named as a video is no other unless it surely is."""
    if not is_doubtful(path):
        return named
    found = _content_kind(str(path), status.st_size, status.st_ctime_ns)
    return VIDEO if named == VIDEO and found in (EMPTY, UNKNOWN, UNREADABLE) else found


@lru_cache(maxsize=1 << 16)  # a watched folder is walked every second
def _content_kind(path: str, size: int, changed: int) -> str:
    """Return what a file's first bytes say; ``changed`` is the moment of its last change."""
    if size == 0:
        return EMPTY
    try:
        with Path(path).open("rb") as file:
            return kind_by_content(file.read(HEAD))
    except OSError:
        return UNREADABLE
