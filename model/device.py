"""The device that a setting names."""

from __future__ import annotations

import torch


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
