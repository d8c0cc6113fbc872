"""The index of a shard: which videos it holds, how they were read, where they lie; and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stores.features.layout import Layout
from stores.features.manifest import item_from_json
from stores.records import DecodeAudit, Failure, StoreError, VideoFeatures, VideoItem

SCHEMA = 3
READABLE = (1, 2, 3)
"""Version 1 lacks the audit's duplicate frames and time of the last frame, 1 and 2 the layout."""


@dataclass(frozen=True, slots=True)
class ShardRecipe:
    """A recipe as the store sees it: JSON to show, and the fingerprint that must agree."""

    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ShardVideo:
    """What the index says of one video, and the shard it lies in.

    ``layout`` is None in shards of the first two schemas, which are read through HDF5.
    """

    item: VideoItem
    frames: int
    segments: int
    crops: int
    width: int
    audit: DecodeAudit
    shard: Path
    layout: Layout | None = None


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The index of one shard."""

    recipe: ShardRecipe
    videos: tuple[ShardVideo, ...]
    failures: tuple[Failure, ...]

    @classmethod
    def from_json(cls, content: dict[str, Any], path: Path) -> ShardIndex:
        """Return what :func:`index_json` tells of the shard at ``path``.

        Raises:
            StoreError: The schema is a later one.
            KeyError, TypeError, ValueError, AttributeError: It is the index of something else.
        """
        if content["schema"] not in READABLE:
            raise StoreError(f"{path} has schema {content['schema']}, expected {SCHEMA}")
        videos = tuple(_video_from_json(entry, path) for entry in content["videos"])
        failures = tuple(
            Failure(item=item_from_json(f["item"]), reason=f["reason"], attempts=f["attempts"])
            for f in content["failures"]
        )
        return cls(ShardRecipe(**content["recipe"]), videos, failures)


def index_json(
    recipe: ShardRecipe,
    videos: Sequence[VideoFeatures],
    failures: Sequence[Failure],
    layouts: Sequence[Layout],
) -> dict[str, Any]:
    """Return the index of a shard of these videos, which lie there as ``layouts`` say."""
    return {
        "schema": SCHEMA,
        "recipe": asdict(recipe),
        "videos": [
            {
                "item": asdict(v.item),
                "frames": v.frames,
                "shape": v.segments.shape,
                "audit": asdict(v.audit),
                "layout": asdict(layout),
            }
            for v, layout in zip(videos, layouts, strict=True)
        ],
        "failures": [asdict(f) for f in failures],
    }


def _video_from_json(entry: dict[str, Any], path: Path) -> ShardVideo:
    crops, segments, width = entry["shape"]
    if not all(isinstance(n, int) and n > 0 for n in (entry["frames"], crops, segments, width)):
        raise TypeError(f"frames and shape have to be numbers above 0, got {entry['shape']}")
    return ShardVideo(
        item=item_from_json(entry["item"]),
        frames=entry["frames"],
        segments=segments,
        crops=crops,
        width=width,
        audit=DecodeAudit(**entry["audit"]),
        shard=path,
        layout=Layout.from_json(entry["layout"], entry["shape"]) if "layout" in entry else None,
    )
