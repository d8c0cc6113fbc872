"""Who waits for whom: a GPU's results are not at hand, and asking for one stops its host."""

from __future__ import annotations

import torch
from torch import Tensor


def at_hand(x: Tensor) -> bool:
    """Return whether decisions may depend on the values of ``x``.

    They may on a CPU. On a GPU the host would wait for everything it has asked for so far, and a
    compiled program is one for all values.
    """
    return x.is_cpu and not torch.compiler.is_compiling()
