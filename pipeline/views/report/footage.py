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

    ``content`` is what the file held when it was scored, ``refusal`` says why it is not opened;
    empty where it is. ``rate`` is that of its frames, which a folder of images does not state.
    """

    key: str
    path: str
    times: tuple[float, ...]
    content: Content | None = None
    refusal: str = ""
    rate: float = IMAGE_RATE

    @property
    def stamp(self) -> str:
        """What the names of its pictures and its copy end with: another film gets others."""
        held = self.content or content_of(self.path)
        return hashlib.sha256(f"{held and held.digest}".encode()).hexdigest()[:8]


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
) -> Iterator[Footage]:
    """Yield what the report shows of each video; sheets that are there already are kept.

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
            yield _footage(files, each, sheet, command, deadline if copy else None)


def _sheet(files: ReportFiles, wanted: Wanted, deadline: float) -> tuple[str, VideoHeader] | str:
    """Make a video's sheet; return its name and the video's header, or why there is none."""
    if wanted.refusal:
        return f"Not opened: {wanted.refusal}."
    if is_url(wanted.path):
        return f"The video lies at {wanted.path}, which pages do not fetch."
    if size_of(wanted.path) is None:
        return f"The video is no longer at {wanted.path}."
    places = hashlib.sha256(f"{wanted.times}".encode()).hexdigest()[:8]
    sheet = f"{wanted.key}-{wanted.stamp}-{places}.jpg"
    try:
        header = killable(read_header, wanted.path, wanted.rate, deadline=deadline)
        if not files.keep(f"{SHEETS}/{sheet}"):
            pictures = np.hstack(_looked_at(wanted, deadline))
            quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
            _, data = cv2.imencode(".jpg", cv2.cvtColor(pictures, cv2.COLOR_RGB2BGR), quality)
            files.commit(f"{SHEETS}/{sheet}", data.tobytes())
    except DecodeError as error:
        return f"No picture: {error}."
    return sheet, header


def _looked_at(wanted: Wanted, deadline: float) -> list[Picture]:
    return killable(_stills, wanted.path, wanted.times, wanted.rate, deadline=deadline)


def _stills(path: str, times: Sequence[float], rate: float) -> list[Picture]:
    return read_stills(path, times, _HEIGHT, rate, exact=False)


def _footage(
    files: ReportFiles,
    wanted: Wanted,
    found: tuple[str, VideoHeader] | str,
    command: str,
    deadline: float | None,
) -> Footage:
    """Return what is shown of a video, with a copy that is made by a deadline, if there is one."""
    target = files.folder / COPIES / f"{wanted.key}-{wanted.stamp}.mp4"
    has_copy = files.keep(f"{COPIES}/{target.name}")  # the video may be back at the next report
    if isinstance(found, str):
        return Footage([], "", False, 0.0, found, "", "", [])
    sheet, header = found
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
