"""What is known of a clip, and what a page says of many: the records that become JSON and CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stores.ranges import Count, Finite


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip: which event it shows, which frames of the video are in it, and how it was made.

    Frames are half-open and counted as in ``scores/``; ``event_start`` and ``event_end``, ``start``
    and ``end`` are seconds from the video's first frame, ``clock_start`` and ``clock_end`` those of
    the file's own clock. The clip itself counts from 0: the event begins ``event_start - start``
    seconds into it. ``source_digest`` is that of the video in ``videos/``.
    """

    file: str
    event: str
    video: str
    label: str
    peak: Finite
    mean: Finite
    event_start_frame: Count
    event_end_frame: Count
    event_start: Finite
    event_end: Finite
    first_frame: Count
    end_frame: Count
    start: Finite
    end: Finite
    clock_start: Finite
    clock_end: Finite
    method: Literal["copied", "encoded"]
    reason: str
    codec: str
    width: Count
    height: Count
    sound: str
    remark: str
    plays_in_browsers: bool
    bytes: int
    sha256: str
    source_digest: str


@dataclass(frozen=True, slots=True)
class NotCut:
    """A chosen event without a clip, and why."""

    event: str
    label: str
    peak: float
    reason: str


@dataclass(frozen=True, slots=True)
class ClipIndex:
    """Everything of the page: of which scores, what was chosen last, the clips, and what lacks."""

    title: str
    chosen: str
    left_out: int
    clips: list[Clip]
    not_cut: list[NotCut]
