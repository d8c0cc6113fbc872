"""What the pages show: the records that become data files, as JSON in a script.

A page that is opened from disk may not read files, but it may load scripts; so a data file is a
script that calls one function with one value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pipeline.views.report.curves import Overview, Piece
from stores.records import EventRule, ScoredEvent


@dataclass(frozen=True, slots=True)
class Row:
    """One video of the index. ``curve`` is its sparkline in per cent; ``picture`` a file or ''."""

    key: str
    name: str
    status: str
    reason: str
    peak: float = 0.0
    label: str = ""
    events: int = 0
    seconds: float = 0.0
    curve: Sequence[int] = ()
    picture: str = ""
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of names and values: settings, model, recipe, versions."""

    title: str
    entries: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Index:
    """Everything of the page of videos."""

    title: str
    written: str
    classes: tuple[str, ...]
    threshold: float
    rows: list[Row]
    sections: list[Section]


@dataclass(frozen=True, slots=True)
class Truth:
    """An anomalous stretch by the data set's own annotation, in seconds, half-open."""

    start_time: float
    end_time: float
    label: str


@dataclass(frozen=True, slots=True)
class Footage:
    """The video itself: addresses to try in turn, what it is, and why it may not be seen.

    ``start`` is what a player's clock shows at the first frame, in seconds. ``remark`` says what is
    or may be lacking, ``command`` what to call about it; ``pictures`` are times on the ``sheet``.
    """

    addresses: list[str]
    format: str
    is_copy: bool
    start: float
    remark: str
    command: str
    sheet: str
    pictures: list[float]


@dataclass(frozen=True, slots=True)
class IncidentVideo:
    """A video with events: its key, and what is known of its camera and clock."""

    key: str
    name: str
    camera: str
    clock: str
    zone: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Incident:
    """An event of the ``video``-th of the videos with events.

    ``shares`` are the per cents of each anomalous class in it, ``at`` the wall's clock as it begins
    (milliseconds since 1970, as if in UTC; None where it is not known), ``preview`` a file or ''.
    """

    video: int
    start: int
    end: int
    start_time: float
    end_time: float
    peak: float
    label: int
    shares: Sequence[int]
    at: float | None
    preview: str


@dataclass(frozen=True, slots=True)
class Incidents:
    """Everything of the page of incidents, the highest peak first; ``tiles`` make up a preview."""

    title: str
    model: str
    classes: tuple[str, ...]
    threshold: float
    tiles: int
    videos: list[IncidentVideo]
    incidents: list[Incident]


@dataclass(frozen=True, slots=True)
class VideoPage:
    """Everything of one video's page but its frames; ``truth`` is None where none is known.

    ``pieces`` are the seconds at which each piece of ``piece_frames`` (the last: fewer) begins;
    ``previous`` and ``following`` are keys of other videos.
    """

    key: str
    name: str
    path: str
    status: str
    reason: str
    frames: int
    seconds: float
    peak: float
    classes: tuple[str, ...]
    rule: EventRule
    events: list[ScoredEvent]
    truth: list[Truth] | None
    footage: Footage
    clock_steps: Sequence[int]
    pieces: list[float]
    piece_frames: int
    overview: Overview | None
    previous: str
    following: str


def script(name: str, content: Index | Incidents | VideoPage | Piece, *, key: str = "") -> str:
    """Return a script that hands ``content`` to the page as ``name`` (of the video ``key``).

    It is plain ASCII, and no name in it can end a script element or open a comment.
    """
    value = json.dumps(asdict(content), separators=(",", ":"), allow_nan=False)
    value = value.replace("<", "\\u003c")
    return f"report.receive({json.dumps(name)},{json.dumps(key)},{value});\n"
