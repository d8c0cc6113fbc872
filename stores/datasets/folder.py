"""Any tree of videos, without labels: to be scored, or to have features extracted."""

from __future__ import annotations

from pathlib import Path

from stores.datasets.base import Dataset, find_videos, refuse_lists
from stores.records import StoreError, VideoItem


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return every video below ``root``; its id is the path from there, with forward slashes.

    Raises:
        StoreError: ``root`` is no folder, no video lies below it, or lists are given.
    """
    refuse_lists("folder", lists)
    videos = find_videos(root)
    if not videos:
        raise StoreError(
            f"no video below {root}; looked for files named .mp4, .avi, .mkv and alike"
        )
    return [VideoItem(p.relative_to(root).as_posix(), str(p.absolute())) for p in videos]


DATASET = Dataset(
    name="folder",
    classes=(),
    prompts=(),
    discover=discover,
    preset="",
    recipe="centre",
)
