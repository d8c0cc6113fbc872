"""Verification: is everything that was written below a folder whole?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.checkpoint import DESCRIPTION, FILE, check_description, load_checkpoint
from stores.files.hashes import FILE as HASHES
from stores.files.hashes import check_hash, read_hashes
from stores.records import StoreError
from stores.verify import ASIDE, Checked, check_tree, set_aside

if TYPE_CHECKING:
    from pipeline.commands.verify import VerifyRun


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """How many units were checked, which are damaged, and where those now lie if repaired."""

    checked: int
    damaged: tuple[Checked, ...]
    moved: tuple[Path, ...]


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


def _checkpoints(root: Path) -> Iterator[Checked]:
    for path in sorted(root.rglob(FILE)):
        if path.parent.name == ASIDE:
            continue
        try:
            checkpoint = load_checkpoint(path)
        except StoreError as error:
            yield Checked((path,), str(error))
            continue
        yield Checked((path,))
        try:
            check_description(path, checkpoint)
        except StoreError as error:
            yield Checked((path.with_name(DESCRIPTION),), str(error))
        yield from _travelled(path.parent)


def _travelled(folder: Path) -> Iterator[Checked]:
    """Yield the other files of an exported folder, checked by its hashes."""
    try:
        names = sorted((read_hashes(folder) or {}).keys() - {FILE, DESCRIPTION})
    except StoreError as error:
        yield Checked((folder / HASHES,), str(error))
        return
    for name in names:
        path = folder / name
        yield Checked((path,) if path.is_file() else (), _unlike_its_hash(path))


def _unlike_its_hash(path: Path) -> str:
    try:
        check_hash(path)
    except StoreError as error:
        return str(error)
    return ""
