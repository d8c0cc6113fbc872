"""The videos below a folder that were not read, not to their end, or not as announced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stores.features.catalog import open_catalog
from stores.records import StoreError
from stores.scores.reader import read_videos
from stores.verify import ASIDE


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Such a video; ``status`` is ``failed``, ``partial`` or ``mismatch``."""

    folder: Path
    video_id: str
    status: str
    reason: str


def list_failures(root: Path) -> list[FailureRow]:
    """Return every failure, and every video that does not hold what it announces, below a folder.

    Raises:
        StoreError: No such folder, or a file in it is damaged.
    """
    if not root.is_dir():
        raise StoreError(f"no such folder: {root}")
    rows = []
    shard_folders = {path.parent for path in root.rglob("shard-*.h5")}
    for folder in sorted(folder for folder in shard_folders if folder.name != ASIDE):
        catalog = open_catalog(folder)
        rows += [FailureRow(folder, key, "failed", f.reason) for key, f in catalog.failures.items()]
        rows += [
            FailureRow(folder, key, video.audit.status, video.audit.mismatch)
            for key, video in catalog.videos.items()
            if video.audit.mismatch
        ]
    for folder in sorted({path.parent.parent for path in root.rglob("videos/*.parquet")}):
        rows += [
            FailureRow(folder, row.video_id, row.status, row.reason)
            for row in read_videos(folder)
            if row.status != "ok"
        ]
    return rows
