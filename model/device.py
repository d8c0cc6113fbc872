"""The device that a setting names, and whether its results may be looked at."""

from __future__ import annotations

import torch
from torch import Tensor


def device_named(name: str) -> torch.device:
    """Return the device that a setting names, ``auto`` being a GPU where there is one.

    Raises:
        ValueError: There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} was asked for and no GPU is here; give --device cpu")
    return device


def can_sync(x: Tensor) -> bool:
    """Return whether decisions may depend on the values of ``x``.

    They may on a CPU. On a GPU the host would wait for everything it has asked for so far, and a
    compiled program is one for all values.
    """
    return x.is_cpu and not torch.compiler.is_compiling()
