"""The Ray stages, the runs they make up, the command line, and scoring from Python.

The only package that knows Ray; ``load_scorer`` needs none.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

# Before torch is imported anywhere: its OpenMP threads spin while they wait for one another, and on
# a machine that is busy with other work 10 seconds of training become 6 minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# NumPy's and SciPy's OpenBLAS waits by yielding without end, and knows no policy. What is large
# here is torch's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# So does OpenCV's pool. It converts and scales pictures in decoders, of which each has its core.
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

# Before Ray is imported anywhere: its processes on one machine listen on loopback and not on every
# interface. The variable is named for the systems on which Ray does so by itself.
if not os.environ.get("RAY_ADDRESS"):
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # They know one another by a token. Ray's own lies in a file at home that others may read.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

# Likewise: else native code of Ray's takes SIGTERM, and aborts with its stack.
os.environ.setdefault("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")

if TYPE_CHECKING:
    from pipeline.api import VideoResult, VideoScorer, load_scorer

__all__ = ["VideoResult", "VideoScorer", "load_scorer"]


def __getattr__(name: str) -> object:
    """Import what Python programs use once it is asked for: it brings torch along."""
    if name in __all__:
        from pipeline import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
