"""JSON and YAML to typed records: one decoder for every file that may be foreign or damaged.

The result is a record of the requested type, or one error that names the file and the field in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stores.files.locations import regular
from stores.records import StoreError

Record = TypeVar("Record")

_Value = str | int | float | bool | None
_Inner = _Value | list[_Value] | dict[str, _Value]
_Outer = _Value | list[_Inner] | dict[str, _Inner]
Document = dict[str, _Value | list[_Outer] | dict[str, _Outer]]
"""Any JSON object of ours, to be shown or compared; what nests deeper is not ours."""


@dataclass(frozen=True, slots=True)
class _Versioned:
    schema: int | str


def read_json(
    path: Path, kind: type[Record], *, schema: int | str | None = None, remedy: str = ""
) -> Record | None:
    """Return the JSON file at ``path`` as a ``kind``, or None where there is none.

    Raises:
        StoreError: It cannot be read, or as for :func:`decode_json`.
    """
    if not regular(path).is_file():
        if path.exists():
            raise StoreError(f"{path} is no file; move it away")
        return None
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    return decode_json(text, kind, path, schema=schema, remedy=remedy)


def decode_json(
    text: str | bytes,
    kind: type[Record],
    source: object,
    *,
    schema: int | str | None = None,
    remedy: str = "",
) -> Record:
    """Return the JSON ``text`` as a ``kind``: a dataclass, or any type that msgspec knows.

    Fields of dataclasses that have a default may be absent; fields that ``kind`` does not have are
    ignored. ``source`` is what messages call it: the path of its file. ``schema``, where given, is
    what its field ``schema`` has to be; ``remedy`` says what to do about a file that is refused.

    Raises:
        StoreError: It is no JSON, of another schema, or a field is missing or of another type.
    """
    ending = f"; {remedy}" if remedy else ""
    try:
        # Not msgspec's own parser: paths may hold bytes that are no UTF-8, which it refuses.
        content = json.loads(text, object_pairs_hook=_without_doubles)
        found = None if schema is None else msgspec.convert(content, type=_Versioned).schema
        if found == schema:
            return msgspec.convert(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"damaged {source}: {_reason(error)}{ending}") from error
    raise StoreError(f"{source} has schema {found!r}, expected {schema!r}{ending}")


def convert(content: object, kind: type[Record], source: object) -> Record:
    """Return plain content, as YAML gives it, as a ``kind``; errors as :func:`decode_json`."""
    try:
        return msgspec.convert(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{source}: {_reason(error)}") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's fields; of two of one name neither is surely the one that is meant."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in content if names.count(name) > 1)
        raise ValueError(f"{twice}: given twice")
    return content


def _reason(error: Exception) -> str:
    """Return msgspec's message, the field first: ``videos[0].frames: expected int, got str``."""
    message, _, place = str(error).partition(" - at `")
    place = place.rstrip("`").removeprefix("key` in `").removeprefix("$").removeprefix(".")
    message = message[:1].lower() + message[1:]
    return f"{place}: {message}" if place else message
