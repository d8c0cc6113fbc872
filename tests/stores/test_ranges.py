"""Each range holds its ends, and neither NaN, infinity nor what lies beyond."""

import math

import msgspec
import pytest

from stores import ranges


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        (ranges.Share, (0, 1)),
        (ranges.Amount, (0, 1e9)),
        (ranges.PositiveAmount, (1e-9, 1e9)),
        (ranges.Finite, (-1e300, 1e300)),
        (ranges.Count, (0, 2**31 - 1)),
        (ranges.PositiveCount, (1, 2**31 - 1)),
        (ranges.Size, (1, 2**16)),
        (ranges.Depth, (1, 1000)),
        (ranges.Seed, (0, 2**63 - 1)),
    ],
)
def test_a_range_holds_its_ends_and_nothing_beyond(kind, ends):
    low, high = ends
    assert [msgspec.convert(end, type=kind) for end in ends] == [low, high]
    beyond = high + max(abs(high) // 1000, 1)
    for outside in (low - max(abs(low) // 1000, 1), beyond, math.nan, math.inf, -math.inf):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(outside, type=kind)
