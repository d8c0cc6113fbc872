"""The files of a report: each is listed before it is written, and nothing else is ever removed.

``files.txt`` in the report's folder has a name a line. Whatever ends a run, what it wrote is listed
there, and the next one removes what it did not write again.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stores.files.commit import commit_text, committing, refuse_links
from stores.records import StoreError

LIST = "files.txt"
ASSETS, COPIES, DATA, SHEETS = "assets", "copies", "data", "pictures"
"""Folders of the report: scripts, copies that browsers play, data files, sheets of thumbnails."""

_OURS = re.compile(
    r"(?:index|videos?)\.html|(?:assets/(?:uplot/)?|copies/|data/|pictures/)\w[\w.-]*", re.ASCII
)


class ReportFiles:
    """The files in the folder of one report, which its writer holds; threads may share it."""

    def __init__(self, folder: Path) -> None:
        """Read the list of the report that lies there.

        Raises:
            StoreError: One of its folders is a link, or the list cannot be read.
        """
        self.folder = folder
        for name in (ASSETS, COPIES, DATA, SHEETS):
            refuse_links(folder / name, folder)
        self._listed = _read(folder / LIST)
        self._used: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def committing(self, name: str) -> Iterator[Path]:
        """List a file, then write it as ``stores.files.commit.committing`` does."""
        self._use(name)
        with committing(self.folder / name, self.folder) as temporary:
            yield temporary

    def commit(self, name: str, content: bytes | str) -> None:
        """List a file, then commit its content, text as UTF-8; errors as in committing."""
        with self.committing(name) as temporary:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)

    def keep(self, name: str) -> bool:
        """Return whether a file is there, which this report then shows as it is."""
        is_there = (self.folder / name).is_file()
        if is_there:
            self._use(name)
        return is_there

    def remove_others(self) -> None:
        """Remove what earlier reports wrote and this one does not show; files of others stay."""
        try:
            for name in sorted(self._listed - self._used):
                path = self.folder / name
                refuse_links(path.parent, self.folder)
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot clear {self.folder}: {error.strerror}") from error
        commit_text(self.folder / LIST, "".join(f"{name}\n" for name in sorted(self._used)))

    def _use(self, name: str) -> None:
        assert _OURS.fullmatch(name), name
        with self._lock:
            self._used.add(name)
            if name not in self._listed:
                self._listed.add(name)
                _append(self.folder / LIST, name)


def _read(path: Path) -> set[str]:
    try:
        with open(path, encoding="utf-8", opener=_opener) as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return set()
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path} ({error}); remove it") from error
    # A stranger's list may name anything; and the last line of a killed writer may be half a name.
    return {line for line in lines if _OURS.fullmatch(line)}


def _append(path: Path, name: str) -> None:
    try:
        # The line break comes first, too: half a line may stand at the end.
        with open(path, "a", encoding="utf-8", opener=_opener) as file:
            file.write(f"\n{name}\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
