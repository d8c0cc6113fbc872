"""The index of a shard: which videos it holds, how they were read, where they lie; and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stores.features.layout import Layout
from stores.files.typed import decode_json
from stores.ranges import PositiveCount, Size
from stores.records import Content, DecodeAudit, Failure, VideoFeatures, VideoItem

SCHEMA = 4
REDO = "delete it and run extract again to redo its videos"
"""What to do about a shard that cannot be read."""


@dataclass(frozen=True, slots=True)
class ShardRecipe:
    """A recipe as the store sees it: JSON to show, and the fingerprint that must agree."""

    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ShardVideo:
    """What the index says of a video with features of ``shape`` [C,S,D], and the shard it is in."""

    item: VideoItem
    frames: PositiveCount
    shape: tuple[Size, PositiveCount, Size]
    audit: DecodeAudit
    layout: Layout
    content: Content | None = None
    shard: Path = Path()

    def __post_init__(self) -> None:
        self.layout.check(self.crops, self.segments)

    @property
    def crops(self) -> int:
        """Number of crops C."""
        return self.shape[0]

    @property
    def segments(self) -> int:
        """Number of segments S."""
        return self.shape[1]

    @property
    def width(self) -> int:
        """Values in one feature, D."""
        return self.shape[2]


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The index of a shard; of two that hold a video, that of the higher ``generation`` counts."""

    recipe: ShardRecipe
    generation: int
    videos: tuple[ShardVideo, ...]
    failures: tuple[Failure, ...]


def encode_index(
    recipe: ShardRecipe,
    generation: int,
    videos: Sequence[VideoFeatures],
    failures: Sequence[Failure],
    layouts: Sequence[Layout],
) -> bytes:
    """Return the index of a shard of these videos, which lie there as ``layouts`` say."""
    entries = [
        {
            "item": asdict(video.item),
            "frames": video.frames,
            "shape": video.segments.shape,
            "audit": asdict(video.audit),
            "layout": asdict(layout),
            "content": None if video.content is None else asdict(video.content),
        }
        for video, layout in zip(videos, layouts, strict=True)
    ]
    index = {
        "schema": SCHEMA,
        "recipe": asdict(recipe),
        "generation": generation,
        "videos": entries,
        "failures": [*map(asdict, failures)],
    }
    return json.dumps(index).encode()


def decode_index(data: bytes, path: Path) -> ShardIndex:
    """Return what :func:`encode_index` wrote into the shard at ``path``.

    Raises:
        StoreError: It is damaged, of another schema, or the index of something else.
    """
    index = decode_json(data, ShardIndex, f"shard {path}", schema=SCHEMA, remedy=REDO)
    return replace(index, videos=tuple(replace(video, shard=path) for video in index.videos))
