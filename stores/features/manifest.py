"""The list of a data set's videos beside its shards: what the features should hold once complete.

Shards know what was read and what failed. Only this list knows what an interrupted extraction never
reached, which an evaluation must not pass over in silence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from stores.files.commit import commit_text
from stores.files.typed import read_json
from stores.records import VideoItem

FILE = "videos.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class _Manifest:
    videos: list[VideoItem]
    passed_over: tuple[str, ...] = ()


def write_manifest(
    folder: Path, items: Sequence[VideoItem], passed_over: Sequence[str] = ()
) -> None:
    """Commit the list of all videos that the features are to cover; errors as in committing.

    ``passed_over`` says what else was below the root, a kind each, for whoever reads the file.
    """
    content = {"schema": SCHEMA, **asdict(_Manifest(list(items), tuple(passed_over)))}
    commit_text(folder / FILE, json.dumps(content) + "\n")


def read_manifest(folder: Path) -> list[VideoItem] | None:
    """Return the list, or None where there is none; errors as in read_json."""
    remedy = "remove it and run extract again to write it anew"
    found = read_json(folder / FILE, _Manifest, schema=SCHEMA, remedy=remedy)
    return None if found is None else found.videos
