"""The list of a data set's videos beside its shards: what the features should hold once complete.

Shards know what was read and what failed. Only this list knows what an interrupted extraction never
came to, which an evaluation must not pass over in silence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stores.files.commit import commit_text
from stores.records import Event, StoreError, VideoItem

FILE = "videos.json"
SCHEMA = 1


def write_listing(folder: Path, items: Sequence[VideoItem]) -> None:
    """Commit the list of all videos that the features in ``folder`` are to cover.

    Raises:
        StoreError: The folder cannot be written.
    """
    content = {"schema": SCHEMA, "videos": [asdict(item) for item in items]}
    commit_text(folder / FILE, json.dumps(content) + "\n")


def read_listing(folder: Path) -> list[VideoItem] | None:
    """Return the list, or None where there is none.

    Raises:
        StoreError: The file is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema"]
        items = [item_from_json(e) for e in content["videos"]] if version == SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"damaged list {path} ({error}); remove it and run extract again to write it anew"
        ) from error
    if version != SCHEMA:
        raise StoreError(f"{path} has schema {version}, expected {SCHEMA}")
    return items


def item_from_json(entry: dict[str, Any]) -> VideoItem:
    """Rebuild an item from ``asdict`` as JSON brought it back.

    Raises:
        KeyError: A field is missing.
        TypeError: A field is of another kind.
    """
    events = entry["events"]
    item = VideoItem(
        video_id=entry["video_id"],
        path=entry["path"],
        split=entry["split"],
        labels=tuple(entry["labels"]),
        events=None if events is None else tuple(Event(**event) for event in events),
        group=entry.get("group", ""),  # files of 0.1.0 have none
    )
    texts = (item.video_id, item.path, item.split, item.group, *item.labels)
    numbers = [number for event in item.events or () for number in (event.start, event.end)]
    if not all(isinstance(text, str) for text in texts) or not item.video_id:
        raise TypeError(f"names and labels have to be text, got {texts}")
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError(f"frames have to be whole numbers, got {numbers}")
    return item
