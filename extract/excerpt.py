"""A stretch of a video as an MP4 of its own, for whoever has nothing but a player.

Its packets are copied where keyframes allow it within the margins, and encoded anew where not. What
comes out is read back: its frames are those of the rows of scores, each at its own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from extract.container import DecodeError
from extract.decoders.pyav_reader import to_rgb
from extract.excerpt_copy import Span, copy_run, find_run
from extract.header import read_header
from extract.mp4 import to_frame, write_mp4
from extract.probe import VideoProbe, probe
from extract.scored_frames import AstrayError, Reader, Times, end_of, readers_of
from extract.sound import Sound, read_sound
from extract.survey import Survey

EXACT = 1e-3
"""Seconds by which a clip's times may differ from those of the rows: the coarsest usual tick."""

_QUALITY = {"crf": "18"}  # hardly to be told from the source


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What became of a stretch: the rows ``first <= row < last`` are in it, from 0 s on.

    ``start`` and ``end`` are seconds of the video's own clock. ``reason`` says why it was encoded,
    ``codec`` and ``sound`` are FFmpeg's names, ``remark`` says why a sound was left out, ``plays``
    whether all common browsers play it.
    """

    first: int
    last: int
    start: float
    end: float
    method: Literal["copied", "encoded"]
    reason: str
    codec: str
    width: int
    height: int
    sound: str
    remark: str
    plays: bool


def cut_excerpt(
    path: str, target: Path, found: Survey, times: Times, span: Span, encode: bool = False
) -> Excerpt:
    """Write a span of rows as an MP4 to ``target``; ``encode`` allows no copy.

    ``times`` [F] are those of all rows of the video, ``found`` is its survey.

    Raises:
        DecodeError: The video has other frames than were scored, or cannot be read any more.
        OSError: ``target`` cannot be written.
    """
    rows, reason = (span.first, span.last), "it was asked for"
    run = reason if encode else find_run(found, times, span)
    if isinstance(run, str):
        reason = run
    elif isinstance(copied := copy_run(found, times, run, target), str):
        reason = copied
    elif wrong := _difference(target, times, run.first, run.last):
        reason = f"a copy has {wrong}"
    else:
        return _excerpt(found, times, (run.first, run.last), target, ("", *copied))
    for reader in readers_of(found):
        try:
            sound = _encode(found, times, span, target, reader)
        except AstrayError:
            continue
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # of the target
                raise
            raise DecodeError(f"{path}: no clip can be written ({error.strerror})") from error
        if wrong := _difference(target, times, *rows):
            raise DecodeError(f"{path}: its clip came out with {wrong}")
        return _excerpt(found, times, rows, target, (reason, *sound))
    what = f"{path} has not the frames that were scored"
    raise DecodeError(f"{what}; it changed since: score it again")


def _encode(
    found: Survey, times: Times, span: Span, target: Path, reader: Reader
) -> tuple[str, str]:
    """Write the span as H.264; return the codec of its sound, and what is to be said of that."""
    probe_info, aspect = found.probe_info, found.aspect
    first, last = span.first, span.last
    rate = Fraction(probe_info.rate).limit_denominator(1001)
    start, end = found.clock(times[first]), found.clock(end_of(times, last))

    def write(sound: Sound) -> tuple[str, str]:
        seconds = (times[first:last] - times[first]).tolist()
        frames = zip(seconds, _fitted(probe_info, reader(found, times, first, last)), strict=True)
        upright = 1 / aspect if probe_info.orientation.exchanges_sides else aspect
        write_mp4(target, frames, rate=rate, options=_QUALITY, aspect=upright, sound=sound)
        return sound.codec, sound.remark

    with read_sound(found, start, end) as sound:
        try:
            return write(sound)
        except av.FFmpegError as error:
            if isinstance(error, OSError) or not sound.codec:
                raise
            return write(Sound(remark=f"sound left out: MP4 does not take it ({error.strerror})"))


def _fitted(probe_info: VideoProbe, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield frames upright and all of the first one's size, in the colours that H.264 has."""
    size: tuple[int, int] | None = None
    for frame in frames:
        picture, matrix = frame, None
        is_even = not (frame.width % 2 or frame.height % 2)
        is_coded = not (frame.format.is_rgb or frame.format.has_palette)
        if not (is_even and is_coded and probe_info.orientation.is_upright):
            picture, matrix = to_frame(to_rgb(frame, probe_info)), "ITU601"
        size = size or (picture.width, picture.height)
        how = {"format": "yuv420p", "dst_colorspace": matrix, "dst_color_range": "MPEG"}
        yield picture.reformat(*size, **how)


def _difference(target: Path, times: Times, first: int, last: int) -> str:
    """Return in which way a file has other frames than these rows; empty where it has none."""
    made = probe(str(target))
    if made.frames != last - first or made.timestamps.size != made.frames:
        return f"{made.frames} frames, not {last - first}"
    seconds = (made.timestamps - made.timestamps[0]) * made.tick
    apart = float(np.abs(seconds - (times[first:last] - times[first])).max())
    return f"times that are up to {apart:.3f} s off" if apart > EXACT else ""


def _excerpt(
    found: Survey,
    times: Times,
    rows: tuple[int, int],
    target: Path,
    said: tuple[str, str, str],
) -> Excerpt:
    made, (reason, sound, remark) = probe(str(target)), said
    return Excerpt(
        first=rows[0],
        last=rows[1],
        start=found.clock(float(times[rows[0]])),
        end=found.clock(end_of(times, rows[1])),
        method="encoded" if reason else "copied",
        reason=reason,
        codec=made.codec,
        width=made.width,
        height=made.height,
        sound=sound,
        remark=remark,
        plays=read_header(str(target)).plays_in_browsers,
    )
