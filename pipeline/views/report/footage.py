"""The videos behind the scores: sheets of thumbnails, whether browsers play them, copies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import cv2
import numpy as np

from extract.container import DecodeError
from extract.decoders.pixels import Picture
from extract.header import VideoHeader, read_header
from extract.images import IMAGES
from extract.killable import DEADLINE, SLOWEST, killable
from extract.mp4 import write_proxy
from extract.stills import read_stills
from pipeline.views.report.files import COPIES, SHEETS, ReportFiles
from pipeline.views.report.records import Footage
from stores.files.content import content_of
from stores.files.locations import is_url, size_of
from stores.files.sequences import IMAGE_RATE
from stores.records import Content

PICTURES = 5
"""Thumbnails of a video, side by side on one sheet."""

_HEIGHT = 90  # of a thumbnail
_QUALITY = 78  # of the sheet's JPEG: about 3 KB a thumbnail


@dataclass(frozen=True, slots=True)
class Wanted:
    """A video to look at: its key in the report, its file, and the times of its thumbnails.

    ``moments`` are the times of each of its previews. ``content`` is what the file held when it was
    scored, ``refusal`` says why it is not opened; empty where it is. ``rate`` is that of its
    frames, which a folder of images does not state.
    """

    key: str
    path: str
    times: tuple[float, ...]
    moments: Sequence[tuple[float, ...]] = ()
    content: Content | None = None
    refusal: str = ""
    rate: float = IMAGE_RATE

    @property
    def stamp(self) -> str:
        """What the names of its pictures and its copy end with: another film gets others."""
        held = self.content or content_of(self.path)
        return hashlib.sha256(f"{held and held.digest}".encode()).hexdigest()[:8]


class Seen(NamedTuple):
    """What is shown of a video, its container's date, and the files of its previews, '' of none."""

    footage: Footage
    created: str
    previews: Sequence[str]


def picture_times(seconds: float, peak: float) -> tuple[float, ...]:
    """Return evenly spread times of a video; the one that is nearest to the peak is the peak's."""
    times = [seconds * (2 * number + 1) / (2 * PICTURES) for number in range(PICTURES)]
    nearest = min(range(PICTURES), key=lambda number: abs(times[number] - peak))
    times[nearest] = peak
    return tuple(times)


def look(
    files: ReportFiles,
    wanted: Sequence[Wanted],
    command: str,
    *,
    copy: bool,
    deadline: float = DEADLINE,
) -> Iterator[Seen]:
    """Yield what the report shows of each video; pictures that are there already are kept.

    ``command`` is what to call for copies, which are made now where ``copy`` is set. The remark
    says of a video that it is gone, cannot be read, or not within ``deadline`` seconds, or may not
    be opened; a copy may take ``SLOWEST`` times its video's duration where that is more.

    Raises:
        StoreError: The report's folder cannot be written.
    """
    # Threads wait, each for a process that decodes.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        sheets = pool.map(lambda each: _sheet(files, each, deadline), wanted)
        for each, sheet in zip(wanted, sheets, strict=True):
            footage = _footage(files, each, sheet, command, deadline if copy else None)
            if isinstance(sheet, str):
                yield Seen(footage, "", [""] * len(each.moments))
            else:
                yield Seen(footage, sheet.header.created, sheet.previews)


class _Sheet(NamedTuple):
    name: str
    header: VideoHeader
    previews: Sequence[str]


def _sheet(files: ReportFiles, wanted: Wanted, deadline: float) -> _Sheet | str:
    """Make a video's pictures; return them and the video's header, or why there are none."""
    if wanted.refusal:
        return f"Not opened: {wanted.refusal}."
    if is_url(wanted.path):
        return f"The video lies at {wanted.path}, which pages do not fetch."
    if size_of(wanted.path) is None:
        return f"The video is no longer at {wanted.path}."
    try:
        header = killable(read_header, wanted.path, wanted.rate, deadline=deadline)
        (name,) = _draw(files, wanted, [wanted.times], deadline)
    except DecodeError as error:
        return f"No picture: {error}."
    try:
        previews = _draw(files, wanted, wanted.moments, deadline)
    except DecodeError:  # hundreds may take longer than the few of the sheet
        previews = [""] * len(wanted.moments)
    return _Sheet(name, header, previews)


def _draw(
    files: ReportFiles, wanted: Wanted, strips: Sequence[tuple[float, ...]], deadline: float
) -> list[str]:
    """Commit strips of pictures side by side that are not there yet; return all their names."""
    names = [_strip_name(wanted, times) for times in strips]
    missing = [
        (name, times)
        for name, times in dict(zip(names, strips, strict=True)).items()
        if not files.keep(f"{SHEETS}/{name}")
    ]
    if missing:
        times = sorted({time for _, strip in missing for time in strip})
        pictures = killable(_stills, wanted.path, times, wanted.rate, deadline=deadline)
        at = dict(zip(times, pictures, strict=True))
        for name, strip in missing:
            files.commit(f"{SHEETS}/{name}", _jpeg(np.hstack([at[time] for time in strip])))
    return names


def _strip_name(wanted: Wanted, times: tuple[float, ...]) -> str:
    places = hashlib.sha256(f"{times}".encode()).hexdigest()[:8]
    return f"{wanted.key}-{wanted.stamp}-{places}.jpg"


def _jpeg(picture: Picture) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    return bytes(data)


def _stills(path: str, times: Sequence[float], rate: float) -> list[Picture]:
    return read_stills(path, times, _HEIGHT, rate, exact=False)


def _footage(
    files: ReportFiles,
    wanted: Wanted,
    found: _Sheet | str,
    command: str,
    deadline: float | None,
) -> Footage:
    """Return what is shown of a video, with a copy that is made by a deadline, if there is one."""
    target = files.folder / COPIES / f"{wanted.key}-{wanted.stamp}.mp4"
    has_copy = files.keep(f"{COPIES}/{target.name}")  # the video may be back at the next report
    if isinstance(found, str):
        return Footage([], "", False, 0.0, found, "", "", [])
    sheet, header, _ = found
    video = Path(wanted.path)
    container = header.container.partition(",")[0]
    is_folder = header.container == IMAGES  # which no player takes
    suffix = "" if is_folder else video.suffix.lstrip(".").upper()
    name = f"{header.codec} in {suffix or container}"
    addresses, remark = [] if is_folder else _addresses(files.folder, video), ""
    has_copy = has_copy and not header.plays_in_browsers
    if not header.plays_in_browsers:
        if deadline is not None and not has_copy:
            seconds = max(deadline, SLOWEST * header.seconds)
            remark = _make_copy(files, wanted, target.name, seconds)
            has_copy = not remark
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


def _make_copy(files: ReportFiles, wanted: Wanted, name: str, deadline: float) -> str:
    """Write the copy of a video; say why where that is not possible."""
    try:
        with files.committing(f"{COPIES}/{name}") as temporary:
            killable(write_proxy, wanted.path, temporary, wanted.rate, deadline=deadline)
    except DecodeError as error:
        return f"No copy for browsers could be made: {error}."
    return ""


def _addresses(report: Path, video: Path) -> list[str]:
    """Return a video's address from the report, with which it may move, and its absolute one."""
    relative = os.path.relpath(video.absolute(), report.absolute())
    return [quote(Path(relative).as_posix()), video.absolute().as_uri()]
