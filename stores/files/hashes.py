"""SHA-256 of the files of a folder that travels, in the file that ``sha256sum --check`` reads.

A folder without such a file is taken as it is: hashes are checked where they are there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from stores.files.commit import commit_text
from stores.files.locations import regular
from stores.records import StoreError

FILE = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\]+)")
_BLOCK = 1 << 20
_REMEDY = "fetch the folder again, or export again"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; StoreError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with regular(path).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()


def write_hashes(folder: Path, digests: Mapping[str, str]) -> None:
    """Commit the digests of files of ``folder`` by name; errors as in committing."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    commit_text(folder / FILE, "".join(lines))


def read_hashes(folder: Path) -> dict[str, str] | None:
    """Return the digests that a folder states of its files by name, or None where it states none.

    Raises:
        StoreError: The file cannot be read, or has a line of another form; the line is named.
    """
    path = folder / FILE
    if not regular(path).is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    found = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise StoreError(
                f"damaged {path}: line {number}: {line[:80]!r}, expected a SHA-256, two spaces and "
                f"a file's name; {_REMEDY}"
            )
        found[match[2]] = match[1]
    return found


def check_hash(path: Path, digest: str | None = None) -> None:
    """Compare a file with what its folder states of it; ``digest`` is the file's own, if known.

    Raises:
        StoreError: The folder lists its files, and this one is missing, is not listed or is
            another; or it cannot be read.
    """
    stated = read_hashes(path.parent)
    if stated is None:
        return
    expected, is_there = stated.get(path.name), regular(path).is_file()
    if not is_there and expected is not None:
        raise StoreError(f"{path} is missing, which {FILE} lists; {_REMEDY}")
    if is_there and expected is None:
        raise StoreError(f"{path} is not in {FILE} beside it; remove it, or export again")
    if is_there and (digest or digest_of(path)) != expected:
        raise StoreError(f"{path} is not the file that {FILE} beside it lists; {_REMEDY}")
