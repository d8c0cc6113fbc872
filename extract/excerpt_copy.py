"""A stretch of a video as its packets are: where one may begin and end, and whether it is right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from extract.decoders.pyav_reader import decode_frames
from extract.decoders.reading import Reading
from extract.mp4 import INDEX_FIRST
from extract.scored_frames import AstrayError, Times, end_of, read_from_keyframe
from extract.sound import read_sound
from extract.survey import UNTIMED, Survey, packets_from, survey
from stores.ranges import Count

HELD = frozenset({"av1", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp9"})
"""Codecs that MP4 holds and players expect in it, by FFmpeg's names."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of scores to cut out: all of ``start <= row < end``, and others from first to last."""

    first: Count
    start: Count
    end: Count
    last: Count


@dataclass(frozen=True, slots=True)
class Run:
    """Packets ``begin <= packet < stop`` of a video that show the rows ``first <= row < last``."""

    begin: int
    stop: int
    first: int
    last: int


def find_run(found: Survey, times: Times, span: Span) -> Run | str:
    """Return the longest run of packets within a span that stands alone; or why there is none.

    It begins at a keyframe, without the pictures after it that are shown before it, and ends where
    no later packet is shown before its last picture.
    """
    codec = found.probe_info.codec
    if codec not in HELD:
        return f"MP4 has no place for {codec}"
    if not found.is_timed:
        return "its file does not say of each picture when it is shown"
    if found.probe_info.steps or not found.is_whole:
        return "its clock steps" if found.probe_info.steps else "its packets are not a picture each"
    ticks = found.ticks_of(times)
    earliest, latest = ticks[span.first], ticks[span.start]
    begins = np.flatnonzero(found.keys & (found.shown >= earliest) & (found.shown <= latest))
    if not begins.size:
        return "no keyframe within the margin before"
    begin = int(begins[0])
    length = _clean_length(found.shown[begin:], int(ticks[span.end - 1]), int(ticks[span.last - 1]))
    if not length:
        return "no place to end within the margin after"
    shown = found.shown[begin : begin + length]
    shown = np.sort(shown[shown >= shown[0]])
    first = int(np.searchsorted(ticks, shown[0]))
    last = first + shown.size
    is_in_order = UNTIMED not in found.decoded[begin : begin + length]
    if not (is_in_order and np.array_equal(ticks[first:last], shown)):
        return "its packets are not the frames that were scored"
    return Run(begin, begin + length, first, last)


def _clean_length(shown: NDArray[np.int64], least: int, most: int) -> int:
    """Return after how many packets, shown at these times, a copy may end; 0 where it may not.

    Its last picture is shown from ``least`` to ``most``.
    """
    so_far = np.maximum.accumulate(shown)
    later = np.where(shown < shown[0], np.iinfo(np.int64).max, shown)
    rest = np.append(np.minimum.accumulate(later[::-1])[::-1][1:], np.iinfo(np.int64).max)
    ends = np.flatnonzero((so_far < rest) & (so_far >= least) & (so_far <= most))
    return int(ends[-1]) + 1 if ends.size else 0


def copy_run(found: Survey, times: Times, run: Run, target: Path) -> tuple[str, str] | str:
    """Copy packets and their sound into an MP4; return its codec and what is to be said of it.

    Every picture is compared with the video's own. Or return why the copy is none: whatever FFmpeg
    refuses, and pictures that need others than are there.
    """
    start, end = found.clock(times[run.first]), found.clock(end_of(times, run.last))
    origin = int(found.shown[run.begin])
    try:
        with (
            packets_from(found, run.begin) as (stream, packets),
            read_sound(found, start, end) as sound,
            av.open(str(target), "w", format="mp4", options=INDEX_FIRST) as made,
        ):
            copied = made.add_stream_from_template(stream, opaque=True)  # which needs no encoder
            sound.join(made)
            for number, packet in enumerate(islice(packets, run.stop - run.begin), run.begin):
                if packet.pts < origin:
                    continue
                packet.pts -= origin
                packet.dts = int(found.decoded[number]) - origin  # behind a seek it may have none
                packet.stream = copied
                sound.write_until(made, float(packet.dts * packet.time_base))
                made.mux(packet)
            sound.write_until(made, np.inf)
        if not _shows_the_same(found, times, run, target):
            return "a copy would show other pictures"
    except av.FFmpegError as error:
        return f"MP4 does not take its packets ({error.strerror})"
    except (AstrayError, ValueError):
        return "a copy would show other pictures"
    return sound.codec, sound.remark


def _shows_the_same(found: Survey, times: Times, run: Run, target: Path) -> bool:
    """Return whether a copy is laid down as the video is and its pictures are equal in grey."""
    made = survey(str(target))
    laid = [(each.probe_info.orientation, each.aspect) for each in (made, found)]
    if laid[0] != laid[1]:
        return False
    theirs = read_from_keyframe(found, times, run.first, run.last)
    ours = decode_frames(Reading(made.probe_info, "pyav"))
    pairs = zip(ours, theirs, strict=True)
    return all(np.array_equal(*(each.to_ndarray(format="gray") for each in pair)) for pair in pairs)
