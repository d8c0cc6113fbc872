"""What is left to read: what has no results yet, and what changed since results were made of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import samestat
from pathlib import Path

from pipeline.options import ReadOptions
from stores.files.content import was_replaced
from stores.files.locations import is_url, size_of
from stores.files.names import counted, printable
from stores.records import Content, StoreError, VideoItem

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a folder knows of a video: the file it was read from, what that held, did it fail."""

    path: str
    content: Content | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """The videos to read, in their order, and how many have files that changed since.

    ``redone`` of these are among the videos to read, ``kept`` are not. ``again`` says that results
    or failures that are there will be replaced.
    """

    items: list[VideoItem]
    redone: int
    kept: int
    again: bool


def find_pending(
    folder: Path,
    items: Sequence[VideoItem],
    recorded: Mapping[str, Recorded],
    reading: ReadOptions,
) -> Pending:
    """Return what is to be read of ``items``, given what ``folder`` knows of them by id.

    A file that changed is read again, kept as it was read, or refused, as the options say; one that
    failed is tried again where it changed since. A file that is gone keeps its results.

    Raises:
        StoreError: A video has the name of another one that still is where it was read, as when two
            cameras use the same names; or a file changed and the options refuse that.
    """
    if reading.full_digest:
        _name_sampled(recorded)
    found: list[VideoItem] = []
    changed: list[VideoItem] = []
    for item in items:
        known = recorded.get(item.video_id)
        if known is None:
            found.append(item)
            continue
        differs = _differs(item, known, trust_date=not reading.full_digest)
        if differs:
            _refuse_other_file(folder, item, known)
        if differs and not known.failed:
            changed.append(item)
        again = differs and (known.failed or reading.on_change == "redo")
        if again or (known.failed and reading.retry_failed):
            found.append(item)
    if changed and reading.on_change == "refuse":
        names = ", ".join(item.video_id for item in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise StoreError(
            f"{folder} holds results of what these files held before: {names}{more}; "
            "--on-change redo replaces them, keep leaves them"
        )
    kept = len(changed) if reading.on_change == "keep" else 0
    again = any(item.video_id in recorded for item in found)
    return Pending(found, len(changed) - kept, kept, again)


def _name_sampled(recorded: Mapping[str, Recorded]) -> None:
    known = [each.content for each in recorded.values() if each.content is not None]
    if sampled := sum(content.digest.startswith("samples:") for content in known):
        logger.warning(
            "%s: read without --full-digest, and compared by samples", counted(sampled, "file")
        )


def _differs(item: VideoItem, known: Recorded, *, trust_date: bool) -> bool:
    """Return whether an item's file is there, and not what was read."""
    if known.content is None:  # nothing was there to be read, or features were imported
        return known.failed and size_of(item.path) is not None
    return was_replaced(item.path, known.content, trust_date=trust_date)


def _refuse_other_file(folder: Path, item: VideoItem, known: Recorded) -> None:
    other = known.path
    if other in ("", item.path, printable(item.path)) or not _is_another(other, item.path):
        return
    raise StoreError(
        f"{folder} holds results of {other}, and {item.path} has the same name below its own "
        "folder; give another OUT for this one"
    )


def _is_another(other: str, path: str) -> bool:
    """Return whether ``other`` is still there, as another file than ``path``."""
    if is_url(other) or is_url(path):
        return size_of(other) is not None
    try:
        return not samestat(Path(other).stat(), Path(path).stat())
    except (OSError, ValueError):
        return False
