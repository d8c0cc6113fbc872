"""How a video falls short of what its container announces, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stores.records import ClockStep, DecodeAudit, LostFrames

_NAMED = 3  # places in a video


def mismatch_of(audit: DecodeAudit) -> str:
    """Return everything that is not as announced, in one line; empty where all is.

    Durations may differ by a second or a fiftieth: the last frame's own time is not in them, and
    many writers round.
    """
    found = []
    if audit.partial:
        found.append(f"decoding ended early: {audit.note}")
    if audit.lost_frames:
        count = f"{audit.lost_frames} frame{'s' if audit.lost_frames > 1 else ''}"
        places = (place for place in audit.lost if place.frames)
        # Of a folder of images it is known which numbers are not there.
        which = f" ({audit.note})" if audit.decoder == "images" and audit.note else ""
        found.append(f"{count} lost at {_some(map(_span, places))}{which}")
    if holes := [place for place in audit.lost if not place.frames]:
        found.append(f"nothing is there at {_some(map(_span, holes))}")
    if audit.steps:
        found.append(f"the clock steps {_some(map(_jump, audit.steps))}")
    if audit.duplicate_frames:
        found.append(f"{audit.duplicate_frames} frames at the end repeated the one before: cut")
    elif not audit.partial:
        found.append(_miscount(audit) or _misjudged_length(audit))
    return "; ".join(filter(None, found))


def _miscount(audit: DecodeAudit) -> str:
    if audit.decoded_frames + audit.lost_frames == audit.expected_frames:
        return ""
    return f"{audit.decoded_frames} frames decoded of {audit.expected_frames} announced"


def _misjudged_length(audit: DecodeAudit) -> str:
    shown, announced = audit.shown_seconds, audit.container_seconds
    if shown is None or announced <= 0 or audit.steps:
        return ""
    shown = max([shown, *(place.end for place in audit.lost)])
    if abs(shown - announced) <= max(1.0, announced / 50):
        return ""
    return f"frames last {shown:.1f} s of {announced:.1f} s announced"


def _span(lost: LostFrames) -> str:
    start, end = f"{lost.start:.1f}", f"{lost.end:.1f}"
    return f"{start} s" if start == end else f"{start} to {end} s"


def _jump(step: ClockStep) -> str:
    way = "ahead" if step.jump > 0 else "back"
    return f"{abs(step.jump):,.1f} s {way} at {step.seconds:.1f} s"


def _some(places: Iterable[str]) -> str:
    """Return the first places, and how many more there are."""
    words = [*places]
    named, more = ", ".join(words[:_NAMED]), len(words) - _NAMED
    return f"{named} and at {more} more places" if more > 0 else named
