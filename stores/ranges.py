"""Ranges of numbers, as types of fields: of records that are read from files, and of options.

What reads files (:mod:`stores.files.typed`) and what checks options refuse a number outside of its
range, and NaN is outside of each. Imports nothing heavy.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

_MOST = 2**31 - 1  # what int32 columns hold

Share = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0, le=1e9)]
"""Seconds (of 30 years), hours, or how many an hour."""
PositiveAmount = Annotated[float, Meta(gt=0, le=1e9)]
Temperature = Annotated[float, Meta(ge=0.01, le=100)]
"""Beyond it, all scores become one: no fit ends there."""
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""What a video file may state as a time, however absurd, so that its features stay readable."""
Count = Annotated[int, Meta(ge=0, le=_MOST)]
PositiveCount = Annotated[int, Meta(ge=1, le=_MOST)]
Size = Annotated[int, Meta(ge=1, le=2**16)]
"""Of one axis of a model or a feature."""
Depth = Annotated[int, Meta(ge=1, le=1000)]
"""Layers of a model."""
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
