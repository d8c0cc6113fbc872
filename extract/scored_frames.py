"""The frames behind some rows of scores, each by its own time or else by its place from the start.

Two ways lead to them. From a keyframe shortly before, frames are known by their times, and every
time has to be there. Where times do not tell frames apart, all of the video is decoded in order, as
it was to be scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
import numpy as np
from numpy.typing import NDArray

from extract.decoders.pyav_reader import decode_frames
from extract.decoders.reading import Reading
from extract.packets import decode_packets
from extract.survey import Survey, packets_from
from stores.records import LONGEST_GAP

Times = NDArray[np.float64]
"""The seconds [F] of all rows of a video."""

_SLACK = 1e-6  # seconds: rounding


def end_of(times: Times, last: int) -> float:
    """Return when the row before ``last`` ends: with the next one, or after a step like its own."""
    if last < times.size and times[last] - times[last - 1] <= LONGEST_GAP:
        return float(times[last])
    step = times[last - 1] - times[last - 2] if last > 1 else 0.0
    return float(times[last - 1] + min(step, LONGEST_GAP))


class AstrayError(Exception):
    """The frames that come are not those of the rows."""


Reader = Callable[[Survey, Times, int, int], Iterator[av.VideoFrame]]
"""From a video and the half-open range of some of its rows to their frames, as they are stored."""


def readers_of(found: Survey) -> tuple[Reader, ...]:
    """Return the ways to a video's frames, the quicker one first.

    They raise AstrayError, at whichever frame, where what comes is not what the rows say.
    """
    return (read_from_keyframe, read_from_start) if found.is_timed else (read_from_start,)


def read_from_keyframe(
    found: Survey, times: Times, first: int, last: int
) -> Iterator[av.VideoFrame]:
    """Yield the frames of rows ``first <= row < last``, known by their times."""
    awaited = found.ticks_of(times[first:last]).tolist()[::-1]
    is_under_way = False
    with packets_from(found, found.keyframe_before(awaited[-1])) as (stream, packets):
        stream.codec_context.thread_count = 1  # what a broken stream shows depends on it
        try:
            for frame in decode_packets(stream, packets, lambda: None):
                if frame.pts != awaited[-1]:
                    if is_under_way or frame.pts is None or frame.pts > awaited[-1]:
                        raise AstrayError
                    continue
                is_under_way = True
                awaited.pop()
                yield frame
                if not awaited:
                    return
        except av.FFmpegError as error:
            raise AstrayError from error
    raise AstrayError


def read_from_start(found: Survey, times: Times, first: int, last: int) -> Iterator[av.VideoFrame]:
    """Yield the frames of rows ``first <= row < last``, counted from the first of the video."""
    reading = Reading(found.probe_info, "pyav")
    slack = found.probe_info.tick / 2 + _SLACK
    row = -1
    for row, frame in enumerate(decode_frames(reading)):
        seconds = reading.times.pop()
        if row < first:
            continue
        if abs(seconds - times[row]) > slack:
            raise AstrayError
        yield frame
        if row == last - 1:
            return
    raise AstrayError
