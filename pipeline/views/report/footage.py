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
from numpy.typing import NDArray

from extract.container import DecodeError
from extract.thumbnails import Format, read_format, read_thumbnails
from pipeline.views.report.records import Footage
from stores.files.commit import commit_bytes, committing
from stores.files.locations import is_url

SHEETS, COPIES = "pictures", "copies"
"""Folders of the report for sheets of thumbnails and for copies that browsers play."""

PICTURES = 5
"""Thumbnails of a video, side by side on one sheet."""

_HEIGHT = 90  # of a thumbnail
_QUALITY = 78  # of the sheet's JPEG: about 3 KB a thumbnail


@dataclass(frozen=True, slots=True)
class Wanted:
    """A video to look at: its key in the report, its file, and the times of its thumbnails."""

    key: str
    path: str
    times: tuple[float, ...]


def picture_times(seconds: float, peak: float) -> tuple[float, ...]:
    """Return evenly spread times of a video; the one that is nearest to the peak is the peak's."""
    times = [seconds * (2 * number + 1) / (2 * PICTURES) for number in range(PICTURES)]
    nearest = min(range(PICTURES), key=lambda number: abs(times[number] - peak))
    times[nearest] = peak
    return tuple(times)


def look(report: Path, wanted: Sequence[Wanted], command: str, *, copy: bool) -> Iterator[Footage]:
    """Yield what the report shows of each video; sheets that are there already are kept.

    ``command`` is what to call for copies, which are made now where ``copy`` is set. A video that
    is gone or cannot be read is told in its remark.

    Raises:
        StoreError: The report's folder cannot be written.
    """
    # FFmpeg works outside the interpreter's lock, so threads are enough to use every core.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        sheets = pool.map(lambda each: _sheet(report, each), wanted)
        for each, sheet in zip(wanted, sheets, strict=True):
            yield _footage(report, each, sheet, command, copy=copy)


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    format: Format | None
    error: str


def _sheet(report: Path, wanted: Wanted) -> _Sheet:
    if not wanted.path:
        return _Sheet("", None, "There is no video: the scores are of imported features.")
    if is_url(wanted.path):
        return _Sheet("", None, f"The video lies at {wanted.path}, which pages do not fetch.")
    path = Path(wanted.path)
    if not path.is_file():
        return _Sheet("", None, f"The video is no longer at {wanted.path}.")
    stamp = f"{path} {path.stat().st_mtime_ns} {wanted.times}"
    name = f"{wanted.key}-{hashlib.sha256(stamp.encode()).hexdigest()[:8]}.jpg"
    try:
        found = read_format(wanted.path)
        if not (report / SHEETS / name).is_file():
            pictures = read_thumbnails(wanted.path, wanted.times, _HEIGHT)
            _write_sheet(report / SHEETS / name, np.hstack(list(pictures)))
    except DecodeError as error:
        return _Sheet("", None, f"No picture: {error}.")
    return _Sheet(name, found, "")


def _write_sheet(path: Path, pictures: NDArray[np.uint8]) -> None:
    picture = cv2.cvtColor(pictures, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    commit_bytes(path, data.tobytes())


def _footage(report: Path, wanted: Wanted, sheet: _Sheet, command: str, *, copy: bool) -> Footage:
    if sheet.format is None:
        return Footage([], "", False, 0.0, sheet.error, "", "", [])
    container = sheet.format.container.partition(",")[0]
    name = f"{sheet.format.codec} in {Path(wanted.path).suffix.lstrip('.').upper() or container}"
    addresses, remark = _addresses(report, Path(wanted.path)), ""
    target = report / COPIES / f"{wanted.key}.mp4"
    if not sheet.format.is_played:
        if copy:
            remark = _make_copy(Path(wanted.path), target)
        has_copy = _is_current(target, Path(wanted.path))
        if has_copy:
            addresses = [f"{COPIES}/{target.name}"]
        elif not remark:
            remark = f"Most browsers do not play {name}. Copies that they all play are made by:"
    else:
        has_copy = False
    return Footage(
        addresses=addresses,
        format=name,
        is_copy=has_copy,
        start=0.0 if has_copy else sheet.format.start,
        remark=remark,
        command="" if has_copy or not remark else command,
        sheet=sheet.name,
        pictures=list(wanted.times),
    )


def _make_copy(video: Path, target: Path) -> str:
    """Write a copy that is lacking or older than its video; say why where that is not possible."""
    from extract.proxy import write_proxy  # only now: it loads the second decoder

    if _is_current(target, video):
        return ""
    try:
        with committing(target) as temporary:
            write_proxy(str(video), temporary)
    except DecodeError as error:
        return f"No copy for browsers could be made: {error}."
    return ""


def _is_current(target: Path, video: Path) -> bool:
    return target.is_file() and target.stat().st_mtime >= video.stat().st_mtime


def _addresses(report: Path, video: Path) -> list[str]:
    """Return where a page finds the video: beside the outputs, which may move with it, and there.

    Percent-encoded, so that any name is one address.
    """
    absolute = video.absolute()
    relative = os.path.relpath(absolute, report.absolute())
    return [quote(Path(relative).as_posix()), absolute.as_uri()]
