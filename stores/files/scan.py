"""One walk over a folder of videos: what is there to read, and what is there and cannot be.

Nothing is skipped in silence: a folder that may not be listed, or a link that leads nowhere, is an
input as well, and has to end as a failure with its name.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stores.files.locations import find_files, is_remote
from stores.records import StoreError

_VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".ogv", ".flv", ".wmv", ".asf"),
    *(".mxf", ".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".gif"),
)
_LEFTOVERS = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".part", ".crdownload", ".download")


@dataclass(frozen=True, slots=True)
class Tree:
    """What lies below a folder, each sorted.

    ``videos`` are files whose suffix says so. ``unusable`` have such a suffix and are no files:
    pipes, devices, links that lead nowhere or in circles. ``unreadable`` are folders that cannot
    be listed, ``broken_links`` links of any name that lead nowhere, ``leftovers`` archives and
    unfinished downloads.
    """

    videos: list[Path] = field(default_factory=list)
    unusable: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    broken_links: list[Path] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)


def walk(root: Path) -> Tree:
    """Return what lies below ``root``; links are followed, out of it too, each folder once.

    Raises:
        StoreError: ``root`` is not a folder.
    """
    if not root.is_dir():
        raise StoreError(f"no such folder: {root}; give the folder that holds the videos")
    if is_remote(root):  # where there are no links and no devices
        files = find_files(root)
        videos = [path for path in files if path.suffix.lower() in _VIDEOS]
        return Tree(videos, leftovers=[p for p in files if p.suffix.lower() in _LEFTOVERS])
    tree = Tree()
    seen: set[tuple[int, int]] = set()
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            pending += [path for path in folder.iterdir() if not _sort(path, tree)]
        except FileNotFoundError:
            continue  # removed while we looked
        except OSError:
            tree.unreadable.append(folder)
    for kind in (tree.videos, tree.unusable, tree.unreadable, tree.broken_links, tree.leftovers):
        kind.sort()
    return tree


def find_videos(root: Path) -> list[Path]:
    """Return every video file below ``root``, sorted; errors as in :func:`walk`."""
    return walk(root).videos


def _sort(path: Path, tree: Tree) -> bool:
    """Put what is no folder where it belongs; return whether it was put."""
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing there, a circle of links, or no permission
        mode = 0
        with suppress(OSError):
            if path.is_symlink():
                tree.broken_links.append(path)
    if stat.S_ISDIR(mode):
        return False
    if path.suffix.lower() in _VIDEOS:
        (tree.videos if stat.S_ISREG(mode) else tree.unusable).append(path)
    elif stat.S_ISREG(mode) and path.suffix.lower() in _LEFTOVERS:
        tree.leftovers.append(path)
    return True
