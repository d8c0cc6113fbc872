"""Any tree of videos, without labels: to be scored, or to have features extracted."""

from __future__ import annotations

from pathlib import Path

from stores.datasets.base import Dataset, refuse_lists
from stores.files.names import printable
from stores.files.scan import walk
from stores.records import StoreError, VideoItem


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return every video below ``root``; its id is the path from there, with forward slashes.

    A name in which nothing can be read, such as a link that leads nowhere or a folder without
    permission, is among them and ends as a failure.
    """
    refuse_lists("folder", lists)
    tree = walk(root)
    found = sorted([*tree.videos, *tree.unusable, *tree.unreadable])
    if not found:
        looked = "looked for files named .mp4, .avi, .mkv and alike"
        raise StoreError(f"no video below {root}; {looked}")
    return [VideoItem(printable(p.relative_to(root).as_posix()), str(p.absolute())) for p in found]


DATASET = Dataset("folder", classes=(), prompts=(), discover=discover, preset="", recipe="centre")
