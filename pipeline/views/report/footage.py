"""The videos behind the scores: their sheets of thumbnails, whether browsers play them, copies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from extract.container import DecodeError
from extract.header import VideoHeader, read_header
from extract.mp4 import write_proxy
from extract.stills import read_stills
from pipeline.views.report.records import Footage
from stores.files.commit import commit_bytes, committing
from stores.files.locations import is_url
from stores.records import Content

SHEETS, COPIES = "pictures", "copies"
"""Folders of the report for sheets of thumbnails and for copies that browsers play."""

CHANGED = "changed"
"""The status of a video whose file is not any more the one that was scored."""

NOT_SCORED = "the file is not any more the one that was scored"

PICTURES = 5
"""Thumbnails of a video, side by side on one sheet."""

_HEIGHT = 90  # of a thumbnail
_QUALITY = 78  # of the sheet's JPEG: about 3 KB a thumbnail


@dataclass(frozen=True, slots=True)
class Wanted:
    """A video to look at: its key in the report, its file, and the times of its thumbnails.

    ``content`` is what the file held when it was scored; ``is_changed`` says that it holds
    something else now, which is not shown: it is not what the curve is of.
    """

    key: str
    path: str
    times: tuple[float, ...]
    content: Content | None = None
    is_changed: bool = False

    @property
    def stamp(self) -> str:
        """What the names of its pictures and its copy end with: another film gets others."""
        status = Path(self.path).stat()
        held = self.content or (status.st_size, status.st_mtime_ns)
        return hashlib.sha256(f"{self.path} {held}".encode()).hexdigest()[:8]


def picture_times(seconds: float, peak: float) -> tuple[float, ...]:
    """Return evenly spread times of a video; the one that is nearest to the peak is the peak's."""
    times = [seconds * (2 * number + 1) / (2 * PICTURES) for number in range(PICTURES)]
    nearest = min(range(PICTURES), key=lambda number: abs(times[number] - peak))
    times[nearest] = peak
    return tuple(times)


def look(report: Path, wanted: Sequence[Wanted], command: str, *, copy: bool) -> Iterator[Footage]:
    """Yield what the report shows of each video; sheets that are there already are kept.

    ``command`` is what to call for copies, which are made now where ``copy`` is set. The remark
    says of a video that it is gone or cannot be read.

    Raises:
        StoreError: The report's folder cannot be written.
    """
    # FFmpeg works outside the interpreter's lock, so threads are enough to use every core.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        sheets = pool.map(lambda each: _sheet(report, each), wanted)
        for each, sheet in zip(wanted, sheets, strict=True):
            yield _footage(report, each, sheet, command, copy=copy)


def _sheet(report: Path, wanted: Wanted) -> tuple[str, VideoHeader] | str:
    """Make a video's sheet; return its name and the video's header, or why there is none."""
    if not wanted.path:
        return "There is no video: the scores are of imported features."
    if is_url(wanted.path):
        return f"The video lies at {wanted.path}, which pages do not fetch."
    path = Path(wanted.path)
    if not path.is_file():
        return f"The video is no longer at {wanted.path}."
    if wanted.is_changed:
        return f"The video is not shown: {NOT_SCORED}."
    places = hashlib.sha256(f"{wanted.times}".encode()).hexdigest()[:8]
    name = f"{wanted.key}-{wanted.stamp}-{places}.jpg"
    try:
        header = read_header(wanted.path)
        if not (report / SHEETS / name).is_file():
            pictures = np.hstack(read_stills(wanted.path, wanted.times, _HEIGHT, exact=False))
            quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
            _, data = cv2.imencode(".jpg", cv2.cvtColor(pictures, cv2.COLOR_RGB2BGR), quality)
            commit_bytes(report / SHEETS / name, data.tobytes())
    except DecodeError as error:
        return f"No picture: {error}."
    return name, header


def _footage(
    report: Path, wanted: Wanted, found: tuple[str, VideoHeader] | str, command: str, *, copy: bool
) -> Footage:
    if isinstance(found, str):
        return Footage([], "", False, 0.0, found, "", "", [])
    sheet, header = found
    video, target = Path(wanted.path), report / COPIES / f"{wanted.key}-{wanted.stamp}.mp4"
    container = header.container.partition(",")[0]
    name = f"{header.codec} in {video.suffix.lstrip('.').upper() or container}"
    addresses, remark, has_copy = _addresses(report, video), "", False
    if not header.plays_in_browsers:
        if copy:
            remark = _make_copy(video, target)
        has_copy = target.is_file()
        if has_copy:
            addresses = [f"{COPIES}/{target.name}"]
        elif not remark:
            remark = f"Most browsers do not play {name}. Copies that they all play are made by:"
    return Footage(
        addresses=addresses,
        format=name,
        is_copy=has_copy,
        start=0.0 if has_copy else header.start,
        remark=remark,
        command="" if has_copy or not remark else command,
        sheet=sheet,
        pictures=list(wanted.times),
    )


def _make_copy(video: Path, target: Path) -> str:
    """Write a copy that is lacking; say why where that is not possible."""
    if target.is_file():
        return ""
    try:
        with committing(target) as temporary:
            write_proxy(str(video), temporary)
    except DecodeError as error:
        return f"No copy for browsers could be made: {error}."
    return ""


def _addresses(report: Path, video: Path) -> list[str]:
    """Return a video's address from the report, with which it may move, and its absolute one."""
    relative = os.path.relpath(video.absolute(), report.absolute())
    return [quote(Path(relative).as_posix()), video.absolute().as_uri()]
