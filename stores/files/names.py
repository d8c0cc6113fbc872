"""File names, times and numbers of things, as text that every file format and terminal accepts.

A name on disk is bytes: it may be no UTF-8, hold a line break, or the codes that move a cursor.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

LONGEST = 1200
"""Characters of a message: a path of the longest kind, hardly more."""

_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's controls, bytes that are no UTF-8 (as Python reads them), line and paragraph ends."""


def printable(name: str) -> str:
    r"""Return a name on one line of valid Unicode; different names stay different.

    What cannot be shown is escaped as ``\xe9``, and a backslash as ``\\``; all else stays.
    """
    return "".join(_escape(character) for character in name)


def one_line(text: str) -> str:
    """Return a message on one line of valid Unicode: as :func:`printable`, but for backslashes.

    What is longer than :data:`LONGEST` characters loses its middle: the file comes first, and what
    to do last.
    """
    line = " ".join(text.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST * 2 // 3]} … {line[-LONGEST // 3 :]}"
    return "\\".join(printable(piece) for piece in line.split("\\"))


def clock(seconds: float) -> str:
    """Return a time in a video to a tenth of a second, as 0:07.5 or 2:00:32.0."""
    tenths = round(max(0.0, seconds) * 10)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 / 10:04.1f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: ``1 video``, ``2,000 videos``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def composed(text: str) -> str:
    """Return text with its accents composed (NFC), by which equal words are equal strings."""
    return unicodedata.normalize("NFC", text)


def plain(name: str) -> str:
    r"""Return what names of one file have in common on every system: case, accents and slashes.

    macOS takes accents apart (NFD), Windows writes ``a\b``, and both read ``A.MP4`` as ``a.mp4``.
    """
    return composed(PurePosixPath(name.replace("\\", "/")).as_posix().casefold())


def is_unicode(name: str) -> bool:
    """Return whether a name is valid Unicode, as some libraries require."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    code = ord(character)
    # No character, and none may stand in XML: the last two of each plane (U+FFFE, U+FFFF, …).
    if unicodedata.category(character) not in _HIDDEN and code & 0xFFFE != 0xFFFE:
        return character
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8 (PEP 383)
        code -= 0xDC00
    if code >= 0x10000:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
