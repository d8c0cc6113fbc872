"""Any tree of videos, without labels: to be scored, or to have features extracted."""

from __future__ import annotations

from pathlib import Path

from stores.datasets.base import Dataset
from stores.datasets.listing import refuse_lists
from stores.files.names import printable
from stores.files.scan import Tree, walk
from stores.records import StoreError, VideoItem


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return every video below ``root``; its id is the path from there, with forward slashes.

    A name in which nothing can be read, such as a link that leads nowhere or a folder without
    permission, is among them and ends as a failure.
    """
    refuse_lists("folder", lists)
    return items_of(walk(root))


def items_of(tree: Tree) -> list[VideoItem]:
    """Return the videos of a folder that was walked, as :func:`discover` does."""
    found = sorted([*tree.videos, *tree.unusable, *tree.unreadable])
    if not found:
        raise StoreError(f"no video below {tree.root}; {tree.instead}")
    return [VideoItem(_name(path, tree.root), str(path.absolute())) for path in found]


def _name(path: Path, root: Path) -> str:
    """Return the path of a video from the root, or the root's own name where it is the video."""
    below = path.relative_to(root).as_posix()
    return printable(below if below != "." else root.absolute().name)


DATASET = Dataset("folder", classes=(), prompts=(), discover=discover, preset="", recipe="centre")
