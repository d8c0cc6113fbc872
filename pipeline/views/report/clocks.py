"""Which camera a video is of and when it was recorded, from the best witness there is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from stores.wall_clock import NameForm, is_set, shown_at, zone_named

NAME, CONTAINER, MODIFIED = "name", "container", "modified"
"""What told when a video begins: its name, its container, or the date of its file."""

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class VideoClock:
    """A video's camera, '' where nothing names one, and its begin by ``source``, '' without one.

    ``zone`` is that of the times that are shown; '' where nobody stated one.
    """

    camera: str
    source: str
    zone: str
    _start: datetime | None
    _shown_in: ZoneInfo | None

    def at(self, seconds: float) -> float | None:
        """Return the wall's clock so far into the video: milliseconds since 1970, as if in UTC."""
        if self._start is None:
            return None
        shown = shown_at(self._start, seconds, self._shown_in)
        return round((shown - _EPOCH) / timedelta(milliseconds=1))


class Clocks:
    """The clocks of a report's videos, by its options."""

    def __init__(self, zone: str | None, form: str | None, camera: str | None) -> None:
        """Take the options of a report.

        Raises:
            ValueError: There is no such zone, or a form or pattern is none.
        """
        self._zone = None if zone is None else zone_named(zone)
        self._form = NameForm(form)
        try:
            self._camera = None if camera is None else re.compile(camera)
        except re.error as error:
            raise ValueError(f"--camera {camera!r} is no regular expression: {error}") from error

    def of(self, video_id: str, created: str, modified: int, seconds: float) -> VideoClock:
        """Return the clock of a video.

        ``created`` is what its container states, in ISO 8601, ``modified`` the date of its file in
        nanoseconds; '' and 0 where they are not known. A file is finished as its recording is.
        """
        named = self._form.find(video_id)
        start, source = (named.start, NAME) if named else (None, "")
        if start is None and created:
            start, source = datetime.fromisoformat(created), CONTAINER
        if start is None and modified:
            finished = datetime.fromtimestamp(modified / 1e9, timezone.utc)
            start, source = finished - timedelta(seconds=seconds), MODIFIED
        if start is None or not is_set(start):
            start, source = None, ""
        stated = "" if start is None else str(start.tzinfo or "")
        zone = stated if self._zone is None or start is None else self._zone.key
        camera = self._camera_of(video_id, named.camera if named else "")
        return VideoClock(camera, source, zone, start, self._zone)

    def _camera_of(self, video_id: str, named: str) -> str:
        """Return a camera by the option's pattern, or by a folder and what stands before a time.

        Of the folders the first counts that is no date or number.
        """
        if self._camera is not None:
            found = self._camera.search(video_id)
            return "" if found is None else found[1 if self._camera.groups else 0] or ""
        folders = PurePosixPath(video_id).parts[:-1]
        folder = next((each for each in folders if re.search(r"[^\W\d_]", each)), "")
        return "/".join(dict.fromkeys(filter(None, (folder, named))))
