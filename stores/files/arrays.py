"""NumPy's ``.npy`` files of other makers, read without ever unpacking a pickle."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from stores.files.locations import regular
from stores.records import StoreError

_NO_ARRAY = (
    *(ValueError, EOFError, SyntaxError, TokenError, TypeError, KeyError, MemoryError),
    *(RecursionError, BadZipFile),
)
"""What NumPy raises for other files, and for damaged headers: it parses those as Python."""

_KINDS = {"f": "floating point numbers", "biuf": "numbers"}


def read_array(path: Path, kinds: str = "f") -> NDArray[Any]:
    """Return the numbers of a ``.npy`` file, in their own precision; pickles are never unpacked.

    ``kinds`` are NumPy's letters of those that are expected: ``f``, or ``biuf`` for any number.

    Raises:
        StoreError: There is no such file, or it is damaged, another kind, or holds other things.
    """
    regular(path)
    try:
        with path.open("rb") as file:  # which NumPy would leave open where it is no array
            rows = np.load(file, allow_pickle=False)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except _NO_ARRAY as error:
        raise StoreError(f"{path} is no .npy file, damaged, or holds other things") from error
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in kinds:
        kind = rows.dtype if isinstance(rows, np.ndarray) else "several arrays"
        raise StoreError(f"{path} holds {kind}, expected {_KINDS[kinds]}")
    return rows
