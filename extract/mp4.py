"""H.264 in MP4, which every browser plays: copies of videos, for looking and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from extract.container import DecodeError
from extract.decoders.pixels import Picture
from extract.decoders.pyav_reader import decode_frames, to_rgb
from extract.decoders.reading import Reading
from extract.probe import VideoProbe, probe
from extract.sound import Sound
from stores.files.sequences import IMAGE_RATE

TICKS = 90_000
"""Ticks of a second, as in broadcasting: the usual rates are whole numbers of them."""

INDEX_FIRST = {"movflags": "+faststart"}
"""FFmpeg's option by which a page plays a file before all of it is there."""


def write_mp4(
    target: Path,
    frames: Iterable[tuple[float, av.VideoFrame]],
    *,
    rate: Fraction,
    options: dict[str, str],
    aspect: Fraction = Fraction(1),
    sound: Sound | None = None,
) -> None:
    """Write at least one frame with its time in seconds; all have one even size.

    ``rate`` is what the header says, ``options`` are the encoder's beside its preset, ``aspect`` is
    the width of a pixel over its height. Without ``sound`` there is none.

    Raises:
        OSError: ``target`` cannot be written.
    """
    with av.open(str(target), "w", format="mp4", options=INDEX_FIRST) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.options = {"preset": "veryfast", **options}
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        for number, (seconds, frame) in enumerate(frames):
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
                stream.codec_context.sample_aspect_ratio = aspect
                _take_colours(stream.codec_context, frame)
                if sound:
                    sound.join(container)
            if sound:
                sound.write_until(container, seconds)
            frame.pts, frame.time_base = round(seconds * TICKS), Fraction(1, TICKS)
            frame.pict_type = PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            sound.write_until(container, math.inf)


def _take_colours(context: VideoCodecContext, frame: av.VideoFrame) -> None:
    """Have the file say what the frame says of its colours, so that players show them alike."""
    for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
        if (value := getattr(frame, name, None)) is not None:  # not all versions of PyAV tell all
            setattr(context, name, value)


def to_frame(picture: Picture) -> av.VideoFrame:
    """Return a picture as a frame of even sides, which H.264 needs: the last ones are repeated."""
    height, width = picture.shape[:2]
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return av.VideoFrame.from_ndarray(even, format="rgb24")


def write_proxy(path: str, target: Path, image_rate: float = IMAGE_RATE) -> None:
    """Write an upright H.264 copy of a video's pictures to ``target``, without sound.

    The short side is at most 480. Frames have the times that scores have, counted from the first;
    images of a folder ``image_rate`` a second.

    Raises:
        DecodeError: The video cannot be read, or not one frame of it decodes.
        OSError: ``target`` cannot be written.
    """
    probe_info = probe(path, image_rate)
    spacing = max(1, round(2 * probe_info.rate))  # a click in the curve shows its moment at once
    options = {"crf": "26", "g": str(spacing)}
    rate = Fraction(probe_info.rate).limit_denominator(1001)
    write_mp4(target, _small_frames(probe_info), rate=rate, options=options)


def _small_frames(probe_info: VideoProbe) -> Iterator[tuple[float, av.VideoFrame]]:
    reading = Reading(probe_info, "pyav")
    stored = probe_info.width, probe_info.height
    scale = min(1.0, 480 / min(stored))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in stored)  # H.264 wants even
    width, height = probe_info.orientation.size(width, height)
    for frame in decode_frames(reading):
        if not probe_info.orientation.is_upright:
            frame = av.VideoFrame.from_ndarray(to_rgb(frame, probe_info), format="rgb24")
        yield reading.times.pop(), frame.reformat(width, height, format="yuv420p")
    if not reading.decoded:
        reason = reading.error or "the stream ends"
        raise DecodeError(f"{probe_info.path}: no frame decodes ({reason})")
