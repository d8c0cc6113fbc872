"""The type of settings that name a place: a path of this machine, or a URL that fsspec knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec


def _parse(arguments: list[str]) -> Path:
    text = arguments[0]
    if "://" not in text:
        return Path(text)
    # Only URLs need what these import.
    from stores.files.locations import reachable
    from stores.records import StoreError

    try:
        return reachable(text)
    except StoreError as error:
        # A ValueError would be taken for "not of this type", and its words be lost.
        raise ConnectionError(str(error)) from error


Location = Annotated[
    Path,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH|URL",
        instance_from_str=_parse,
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    ),
]
