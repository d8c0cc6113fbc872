"""OpenAI's own CLIP files: TorchScript archives, which hold code beside the weights.

Only torch's own reader sees them, which knows no pickle; what goes on is a file of weights alone.
"""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file

_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size")


def is_torchscript(path: Path) -> bool:
    """Tell TorchScript archives from plain weight files, by their names for code and constants."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any("/code/" in name or name.endswith("/constants.pkl") for name in names)


@contextmanager
def weights_alone(path: Path) -> Iterator[Path]:
    """Yield ``path``, or for a TorchScript archive a temporary file of its weights.

    Raises:
        RuntimeError: The archive is damaged, or only looks like one.
    """
    if not is_torchscript(path):
        yield path
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*")
        state = torch.jit.load(path, map_location="cpu").state_dict()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "weights.safetensors"
        kept = {name: value for name, value in state.items() if name not in _NO_WEIGHTS}
        save_file({name: value.contiguous().clone() for name, value in kept.items()}, plain)
        yield plain
