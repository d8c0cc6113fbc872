"""When a video was recorded: what its name says in the forms that recorders use, and zones.

Nothing is guessed: a time whose zone nobody stated stays one without a zone, and is shown as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FIRST, _LAST = 1990, 2100  # years: others are those of a clock that was never set

_YEAR, _MONTH, _DAY = r"(?P<year>20\d\d)", r"(?P<month>\d\d)", r"(?P<day>\d\d)"
_HOUR, _MINUTE, _SECOND = r"(?P<hour>\d\d)", r"(?P<minute>\d\d)", r"(?P<second>\d\d)"
_SHORT_YEAR = r"(?P<year>\d\d)"
_DATE, _TIME = rf"{_YEAR}-{_MONTH}-{_DAY}", f"{_HOUR}{_MINUTE}{_SECOND}"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d|-00-00)?(?![\d:])"
_BEFORE = r"(?P<camera>[^/]*?)(?<!\d)"

FORMS = {
    "Frigate, recordings": rf"{_DATE}/{_HOUR}/(?P<camera>[^/]+)/{_MINUTE}\.{_SECOND}(?P<utc>)\.",
    "Frigate, clips": r"(?P<camera>[^/]*)-(?P<epoch>1\d{9})\.\d+-\w+",
    "Dahua, folders": rf"{_DATE}/(?P<camera>\d+)/dav/\d\d/{_HOUR}\.{_MINUTE}\.{_SECOND}-",
    "Blink, sync module": (
        rf"{_SHORT_YEAR}-{_MONTH}-{_DAY}/{_HOUR}-{_MINUTE}-{_SECOND}_(?P<camera>[^/]+)_\d+\."
    ),
    "UniFi Protect": (
        rf"{_BEFORE} ?{_MONTH}-{_DAY}-{_YEAR}, {_HOUR}\.{_MINUTE}\.{_SECOND}"
        r" GMT(?P<hours>[+-]\d\d?)?"
    ),
    "Tesla, Blink, OBS": (
        rf"{_BEFORE}{_YEAR}[-_.]{_MONTH}[-_.]{_DAY}(?:[Tt _]|[-_]{{1,2}})"
        rf"{_HOUR}[-_.:h]{_MINUTE}[-_.:m]{_SECOND}s?{_ZONE}"
    ),
    "Dahua, Hikvision, Axis, BlackVue, Viofo, Ring": (
        rf"{_BEFORE}{_YEAR}{_MONTH}{_DAY}[-_Tt ]?{_TIME}(?:\d{{3}})?{_ZONE}"
    ),
    "Viofo, older": rf"{_BEFORE}{_YEAR}_{_MONTH}{_DAY}_{_TIME}(?!\d)",
    "Nextbase": rf"{_BEFORE}{_SHORT_YEAR}{_MONTH}{_DAY}_{_TIME}(?!\d)",
}
"""Forms of names by who writes them, the most special first. Before a time stands the camera."""

_DIRECTIVES = {
    "Y": r"(?P<year>\d{4})",
    "y": _SHORT_YEAR,
    "m": _MONTH,
    "d": _DAY,
    "H": _HOUR,
    "M": _MINUTE,
    "S": _SECOND,
    "s": r"(?P<epoch>\d{9,10})",
    "z": r"(?P<zone>Z|[+-]\d\d:?\d\d)",
    "%": "%",
}


class NamedTime(NamedTuple):
    """The time in a name, with a zone where that is stated, and the camera's name or ''."""

    start: datetime
    camera: str


class NameForm:
    """The forms of names in which times are looked for: one's own, or those of recorders."""

    def __init__(self, own: str | None = None) -> None:
        """Take a form of one's own, as ``gate %Y%m%d-%H%M%S``.

        Raises:
            ValueError: It has unknown directives, or no date and time.
        """
        texts = FORMS.values() if own is None else [_pattern_of(own)]
        self._patterns = [re.compile(text) for text in texts]

    def find(self, video_id: str) -> NamedTime | None:
        """Return the time that a video's id, its path below a folder, holds; None without one."""
        for pattern in self._patterns:
            for found in pattern.finditer(video_id):
                if (start := _time_of(found.groupdict())) is not None:
                    camera = found.groupdict().get("camera") or ""
                    return NamedTime(start, camera.strip(" _-.@"))
        return None


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone by its name, as Europe/Berlin.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {name!r}; write it as Europe/Berlin") from error


def is_set(time: datetime) -> bool:
    """Return whether a clock that shows this may have been set."""
    return _FIRST <= time.year < _LAST


def shown_at(start: datetime, seconds: float, zone: ZoneInfo | None) -> datetime:
    """Return what a clock on the wall showed so many seconds after a start, without a zone.

    That is the clock of ``zone``; without one that of the start's own zone, or, where nobody stated
    that, the recorder's, which then is taken never to change.
    """
    later = timedelta(seconds=seconds)
    if start.tzinfo is None and zone is None:
        return start + later
    own = start.tzinfo or zone
    moment = start.replace(tzinfo=own).astimezone(timezone.utc) + later
    return moment.astimezone(zone or own).replace(tzinfo=None)


def _pattern_of(own: str) -> str:
    pattern = "".join(_parts(own))
    groups = set(re.compile(pattern).groupindex)
    day = {"year", "month", "day", "hour", "minute"}
    if "epoch" not in groups and not day <= groups:
        raise ValueError(
            f"{own!r} holds no date and time; write it as %Y%m%d-%H%M%S, or %s for Unix time"
        )
    return pattern


def _parts(own: str) -> Iterator[str]:
    for literal, directive in re.findall(r"([^%]+)|%(.?)", own):
        if literal:
            yield re.escape(literal)
        elif directive in _DIRECTIVES:
            yield _DIRECTIVES[directive]
        else:
            known = " ".join(f"%{each}" for each in _DIRECTIVES)
            raise ValueError(f"%{directive} in {own!r} is unknown; known are {known}")


def _time_of(found: dict[str, str | None]) -> datetime | None:
    """Return the time of a match; None where it is none, as on a 31st of June."""
    try:
        if epoch := found.get("epoch"):
            return datetime.fromtimestamp(int(epoch), timezone.utc)
        parts = ("year", "month", "day", "hour", "minute", "second")
        year, month, day, *time = (int(found.get(part) or 0) for part in parts)
        start = datetime(year + 2000 if year < 100 else year, month, day) + timedelta(
            hours=time[0], minutes=time[1], seconds=time[2]
        )
        return start.replace(tzinfo=_zone_of(found)) if is_set(start) else None
    except ValueError:
        return None


def _zone_of(found: dict[str, str | None]) -> timezone | None:
    if found.get("utc") is not None or found.get("zone") in ("Z", "-00-00"):
        return timezone.utc
    if "hours" in found:
        return timezone(timedelta(hours=int(found["hours"] or 0)))
    if not (stated := found.get("zone")):
        return None
    sign = -1 if stated[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(stated[1:3]), minutes=int(stated[-2:])))
