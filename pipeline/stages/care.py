"""Looking after what was written: is all of it whole, and what could not be done?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.checkpoint import FILE, load_checkpoint
from pipeline.settings import FailuresRun, VerifyRun
from stores.features.catalog import open_catalog
from stores.records import StoreError
from stores.scores.reader import read_videos
from stores.verify import ASIDE, Checked, check_tree, set_aside


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """How many units were checked, which are damaged, and where those now lie if repaired."""

    checked: int
    damaged: tuple[Checked, ...]
    moved: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One video that was not read, not to its end, or not as announced: in which folder, and why.

    ``status`` is ``failed``, ``partial`` or ``marked``.
    """

    folder: Path
    video_id: str
    status: str
    reason: str


def verify(run: VerifyRun) -> VerifyReport:
    """Check everything below a folder; with ``repair`` set what is damaged aside.

    Raises:
        StoreError: No such folder, nothing of ours in it, or it is in use or cannot be written.
    """
    checked = [*check_tree(run.folder), *_checkpoints(run.folder)]
    if not checked:
        raise StoreError(f"no features, scores or checkpoints below {run.folder}")
    damaged = tuple(each for each in checked if each.reason)
    moved = [path for each in damaged for path in set_aside(each)] if run.repair else []
    return VerifyReport(len(checked), damaged, tuple(moved))


def list_failures(run: FailuresRun) -> list[FailureRow]:
    """Return every failure, and every video that does not hold what it announces, below a folder.

    Raises:
        StoreError: No such folder, or a file in it is damaged.
    """
    if not run.folder.is_dir():
        raise StoreError(f"no such folder: {run.folder}")
    rows = []
    for folder in sorted({path.parent for path in run.folder.rglob("shard-*.h5")}):
        if folder.name == ASIDE:
            continue
        catalog = open_catalog(folder)
        rows += [FailureRow(folder, key, "failed", f.reason) for key, f in catalog.failures.items()]
        rows += [
            FailureRow(folder, key, "partial" if video.audit.partial else "marked", objection)
            for key, video in catalog.videos.items()
            if (objection := video.audit.objection)
        ]
    for folder in sorted({path.parent.parent for path in run.folder.rglob("videos/*.parquet")}):
        rows += [
            FailureRow(folder, row.video_id, row.status, row.reason)
            for row in read_videos(folder)
            if row.status != "ok"
        ]
    return rows


def _checkpoints(root: Path) -> Iterator[Checked]:
    for path in sorted(root.rglob(FILE)):
        if path.parent.name == ASIDE:
            continue
        try:
            load_checkpoint(path)
        except StoreError as error:
            yield Checked((path,), str(error))
        else:
            yield Checked((path,))
