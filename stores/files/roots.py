"""Which files the paths in stored results may open: those below a root that somebody named.

A path in a Parquet column or in the index of a shard is only text, and results are passed on: those
of a stranger could name any file of this machine, or an address, and have a picture of it put into
a page. So a run records the root that its user named beside its results, with the number that the
file system gave their folder. A copy has another number, wherever it comes from; whoever opens one
names the root himself. What a root's own links lead to counts as below it, as it does for a run.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from stores.files.commit import commit_text
from stores.files.content import was_replaced
from stores.files.locations import AnyPath, is_remote, is_url, size_of
from stores.files.names import printable
from stores.files.typed import read_json
from stores.records import Content, StoreError

FILE = "roots.json"
SCHEMA = 1


class ReplacedError(StoreError):
    """The file of a video holds something else now than what its results were made of."""


@dataclass(frozen=True, slots=True)
class _Record:
    folder: int  # its inode
    roots: list[str]


@dataclass(frozen=True, slots=True)
class Roots:
    """The root that a user named for some results, or else those that their runs recorded."""

    named: AnyPath | None
    recorded: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise StoreError where the root that was named is not there."""
        if self.named is not None and not is_remote(self.named) and not Path(self.named).exists():
            raise StoreError(f"{self.named}, which is to hold the videos, does not exist")

    def find(self, video_id: str, path: str, content: Content | None = None) -> str:
        """Return where the file of a video is, for which results have ``path`` and ``content``.

        Raises:
            StoreError: It lies below no root, or the results have no file for it.
            ReplacedError: Another film lies there now.
        """
        found = self._find(video_id, path)
        if was_replaced(found, content):
            raise ReplacedError(f"{found} changed since it was read; read it again")
        return found

    def _find(self, video_id: str, path: str) -> str:
        """Return where the file is, whatever it holds.

        Below a root that was named it may also lie under the video's id, as in a folder that was
        moved. Only such a root may be a URL.
        """
        if not path:
            raise StoreError("there is no video: the scores are of imported features")
        plain = path if is_url(path) else os.path.normpath(path)
        moved = os.path.normpath(video_id)
        if self.named is None:
            if not is_url(path) and any(map(Path(plain).is_relative_to, self.recorded)):
                places = [Path(root) / moved for root in self.recorded] if _is_below(moved) else []
                there = (
                    each for each in map(str, [Path(plain), *places]) if size_of(each) is not None
                )
                return next(there, plain)
            raise StoreError(
                f"{path} lies below no folder that a run recorded here, as the runs of another "
                "machine or of a folder that was copied; give the folder of the videos (--videos)"
            )
        if _lies_below(plain, _absolute(self.named)):
            return plain
        candidates = [self.named / moved, *([self.named] if self.named.name == video_id else [])]
        for candidate in candidates if _is_below(moved) else ():
            if size_of(str(candidate)) is not None:
                return str(candidate)
        raise StoreError(f"{path} does not lie below {self.named}, and no {video_id} does")


def _is_below(relative: str) -> bool:
    return not relative.startswith(("/", ".."))


def record_root(folder: AnyPath, root: AnyPath) -> None:
    """Record that the user of a run named ``root`` for the results in ``folder``.

    Folders behind URLs have no number, and roots there are named every time: neither is recorded.

    Raises:
        StoreError: The folder cannot be written.
    """
    if is_remote(folder) or is_remote(root):
        return
    known = recorded_roots(folder)
    if (text := printable(_absolute(root))) not in known:
        content = {"schema": SCHEMA, **asdict(_Record(folder.stat().st_ino, [*known, text]))}
        commit_text(folder / FILE, json.dumps(content, indent=1) + "\n")


def recorded_roots(folder: AnyPath) -> tuple[str, ...]:
    """Return the roots that runs have recorded in this very folder; none of a copy.

    Raises:
        StoreError: The record is damaged.
    """
    if is_remote(folder):
        return ()
    found = read_json(folder / FILE, _Record, schema=SCHEMA, remedy="remove it")
    if found is None or found.folder != folder.stat().st_ino:
        return ()
    return tuple(found.roots)


def _absolute(root: AnyPath) -> str:
    return str(root) if is_remote(root) else os.path.normpath(root.absolute())


def _lies_below(path: str, root: str) -> bool:
    if is_url(root) or is_url(path):
        return path == root or (path.startswith(root.rstrip("/") + "/") and "/../" not in path)
    return Path(path).is_relative_to(root)
