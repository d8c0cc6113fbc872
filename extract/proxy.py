"""Copies of videos that every browser plays: H.264 in MP4, small, for looking and nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from extract.container import DecodeError
from extract.decoders import Reading, decode_pyav
from extract.probe import probe

_SHORT_SIDE = 480
_TICKS = 90_000  # a second, the clock of broadcasts: fine enough for any frame rate
_OPTIONS = {"preset": "veryfast", "crf": "26", "movflags": "+faststart"}
_KEYFRAME_SECONDS = 2  # apart, so that a click in the curve shows its moment at once


def write_proxy(path: str, target: Path) -> None:
    """Write an upright H.264 copy of a video's pictures to ``target``, without sound.

    The short side is at most 480. Frames have the times that scores have, counted from the first.

    Raises:
        DecodeError: The video cannot be read, or not one frame of it decodes.
        OSError: ``target`` cannot be written.
    """
    facts = probe(path)
    reading = Reading(facts, "pyav")
    turns = facts.rotation // 90
    width, height = _size(facts.width, facts.height)
    if turns % 2:
        width, height = height, width
    with av.open(str(target), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(facts.rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = _OPTIONS
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.codec_context.gop_size = max(1, round(facts.rate * _KEYFRAME_SECONDS))
        for frame in decode_pyav(reading):
            seconds = reading.times.pop()
            upright = _turn(frame, turns) if turns else frame
            small = upright.reformat(width=width, height=height, format="yuv420p")
            small.pts, small.time_base = round(seconds * _TICKS), Fraction(1, _TICKS)
            small.pict_type = av.video.frame.PictureType.NONE
            container.mux(stream.encode(small))
        if not reading.decoded:
            raise DecodeError(f"{path}: no frame decodes ({reading.error or 'the stream ends'})")
        container.mux(stream.encode(None))


def _size(width: int, height: int) -> tuple[int, int]:
    """Return width and height, even as H.264 has them, with a short side of 480 at most."""
    scale = min(1.0, _SHORT_SIDE / min(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _turn(frame: av.VideoFrame, turns: int) -> av.VideoFrame:
    upright = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
    return av.VideoFrame.from_ndarray(upright, format="rgb24")
