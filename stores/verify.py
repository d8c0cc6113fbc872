"""Every byte of a folder's shards and Parquet parts read and checked; what is damaged set aside.

Checksums do the work: Fletcher-32 and XXH3 in shards, CRC-32 on Parquet pages. Setting aside is all
that a repair has to do, since the same command makes again what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stores.features.shards import check_shard
from stores.files.commit import exclusive, refuse_links
from stores.records import StoreError
from stores.scores.parts import KINDS, parts_in
from stores.scores.reader import check_part

ASIDE = "damaged"
"""The folder beside damaged files into which they are moved; nothing reads it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One unit that was checked: its files in the order they are written, and what is wrong.

    They are only of use together; the last says that the others are there.
    """

    files: tuple[Path, ...]
    reason: str = ""


def check_tree(root: Path) -> Iterator[Checked]:
    """Yield every shard and every part of scores below ``root``, read to the last byte.

    Raises:
        StoreError: ``root`` is no folder.
    """
    if not root.is_dir():
        raise StoreError(f"no such folder: {root}")
    for path in sorted(root.rglob("shard-*.h5")):
        if path.parent.name != ASIDE:
            yield Checked((path,), _reason(check_shard, path))
    parts = (path for kind in KINDS for path in root.rglob(f"{kind}/*.parquet"))
    folders = {path.parent.parent for path in parts}
    for folder in sorted(folders):
        for name in sorted({part.name for kind in KINDS for part in parts_in(folder, kind)}):
            files = [folder / kind / name for kind in KINDS]
            present = tuple(path for path in files if path.is_file())
            yield Checked(present, _reason(check_part, folder, name))


def set_aside(checked: Checked) -> list[Path]:
    """Move a unit's files to a folder beside them and return their new places.

    What says that the others are whole goes first, so that whatever ends this half-way leaves a
    unit that is seen to be unfinished.

    Raises:
        StoreError: Another process works in the folder, it cannot be written, or holds links.
    """
    moved = []
    for path in reversed(checked.files):
        target = path.parent / ASIDE / path.name
        owner = path.parent.parent if path.parent.name in KINDS else path.parent
        refuse_links(target, owner)
        try:
            with exclusive(owner):  # the folder whose lock a writer of this file holds
                target.parent.mkdir(exist_ok=True)
                path.replace(target)
        except OSError as error:
            raise StoreError(f"cannot move {path} to {target}: {error.strerror}") from error
        moved.append(target)
    return moved


def _reason(check: Callable[..., None], *arguments: Path | str) -> str:
    try:
        check(*arguments)
    except StoreError as error:
        return str(error)
    return ""
