"""JSON and YAML to typed records: one decoder for every file that may be foreign or damaged.

What comes back is a record of the type that was asked for, or one error that names the file and the
field in it.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from stores.records import StoreError

Record = TypeVar("Record")


def decode_json(text: str | bytes, kind: type[Record], source: object) -> Record:
    """Return the JSON ``text`` as a ``kind``: a dataclass, or any type that msgspec knows.

    Fields of dataclasses that have a default may be absent; fields that ``kind`` does not have are
    passed over. ``source`` is what messages call it: the path of its file.

    Raises:
        StoreError: It is no JSON, or a field is missing, of another type or out of range.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise StoreError(f"damaged {source}: {_reason(error)}") from error


def convert(content: object, kind: type[Record], source: object) -> Record:
    """Return plain content, as YAML gives it, as a ``kind``; errors as :func:`decode_json`."""
    try:
        return msgspec.convert(content, type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise StoreError(f"{source}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return msgspec's message, the field first: ``videos[0].frames: expected int, got str``."""
    message, _, place = str(error).partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".")
    message = message[:1].lower() + message[1:]
    return f"{place}: {message}" if place else message
