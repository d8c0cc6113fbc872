"""Any tree of videos, without labels: to be scored, or to have features extracted."""

from __future__ import annotations

from pathlib import Path

from stores.datasets.base import Dataset, refuse_lists
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
    return [
        VideoItem(printable(path.relative_to(tree.root).as_posix()), str(path.absolute()))
        for path in found
    ]


DATASET = Dataset("folder", classes=(), prompts=(), discover=discover, preset="", recipe="centre")
