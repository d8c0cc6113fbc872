"""State dicts as the field publishes them, read without running any code in the file."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stores.files.locations import regular

# Authors' training checkpoints hold scikit-learn's metrics beside the weights, as NumPy scalars.
# NumPy moved what rebuilds a scalar, and files name it by its place when they were written.
_REBUILD_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    (_REBUILD_SCALAR, "numpy.core.multiarray.scalar"),
    (_REBUILD_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
]

NO_WEIGHTS = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, AttributeError, LookupError),
    *(ArithmeticError, AssertionError, MemoryError, struct.error, pickle.UnpicklingError),
)
"""What torch raises of files that are damaged or another kind: its unpickler checks nothing."""


def read_published(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a published ``.pth`` file, plain or inside a training checkpoint.

    Raises:
        ValueError: The file is not there, holds more than tensors and numbers, or no state dict.
    """
    regular(path)
    try:
        with torch.serialization.safe_globals(_HARMLESS), warnings.catch_warnings():
            # A later pickle protocol is none of the user's business: it is read, or refused below.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except NO_WEIGHTS as error:
        raise ValueError(
            f"{path} cannot be read as a file of weights alone: {_why(error)}"
        ) from error
    for key in ("model_state_dict", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path} holds a {type(content).__name__}, expected a state dict")
    strange = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if strange:
        raise ValueError(f"{path} is no state dict: {', '.join(strange[:5])} are no tensors")
    odd = [str(name) for name, value in content.items() if not value.isfinite().all()]
    if odd:
        raise ValueError(f"{path}: {', '.join(odd[:5])} hold values that are not finite")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _why(error: Exception) -> str:
    """Return what is wrong in our words: torch's advise to run what the file holds."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    wanted = "expected what torch.save makes of a state dict"
    if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return f"it holds {found[1]} beside tensors; {wanted}"
    return f"it is damaged or another kind of file; {wanted}"
