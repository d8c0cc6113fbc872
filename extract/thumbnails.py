"""A few small pictures of a video, and whether browsers play it: cheap looks, for people.

Pictures are found by seeking to keyframes, which is quick and good enough to recognise a scene.
Features never come this way: see `extract.decoders`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from extract.container import DecodeError, check_size, choose_stream, open_container
from extract.probe import DEFAULT_RATE, quarter_turns

_PIXELS_AHEAD = 12_000_000
"""Pixels decoded past a keyframe to come closer to the moment asked for: 150 frames of 320×240,
six of 1080p, about a fiftieth of a second either way."""

_WIDEST = 4.0  # times the height: a thumbnail of a panorama is squeezed
_PLAYED = {
    "mov,mp4": frozenset({"h264", "av1", "vp9"}),
    "matroska": frozenset({"vp8", "vp9", "av1"}),
}
_PLAYED_H264 = frozenset({"yuv420p", "yuvj420p"})


@dataclass(frozen=True, slots=True)
class Format:
    """Container, codec and pixel format of a video by FFmpeg's names.

    ``start`` are the seconds at which its first frame stands on the container's clock, which is
    what players show.
    """

    container: str
    codec: str
    pixels: str
    start: float = 0.0

    @property
    def is_played(self) -> bool:
        """Whether the common browsers play it on every system, without a licence or an extension.

        What only some play (HEVC, H.264 in Matroska) does not count.
        """
        codecs = next((c for name, c in _PLAYED.items() if self.container.startswith(name)), None)
        if codecs is None or self.codec not in codecs:
            return False
        return self.codec != "h264" or self.pixels in _PLAYED_H264


def read_format(path: str) -> Format:
    """Return what a video file is, from its header.

    Raises:
        DecodeError: It cannot be opened, or holds no video.
    """
    with open_container(path) as container:
        stream = choose_stream(container, path)
        return Format(
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            pixels=stream.codec_context.pix_fmt or "unknown",
            start=max(0.0, float((stream.start_time or 0) * (stream.time_base or 0))),
        )


def read_thumbnails(path: str, times: Sequence[float], height: int) -> NDArray[np.uint8]:
    """Return a picture for each of some times as RGB [N,H,W,3], upright.

    ``times`` are seconds from the first frame, ascending. Each picture is that of the moment or,
    where keyframes are far apart and pictures large, of one shortly before; in AVI, which stores
    no presentation times, it may be a frame beside it. Past the end the last picture is repeated.

    Raises:
        DecodeError: The file cannot be opened, or no frame of it decodes.
    """
    with open_container(path) as container:
        stream = choose_stream(container, path)
        check_size(path, stream.width, stream.height)
        pictures: list[NDArray[np.uint8]] = []
        try:
            pictures.extend(_shrink(f, height) for f in _frames_at(container, stream, times))
        except av.FFmpegError as error:
            if not pictures:
                raise DecodeError(f"{path}: no picture decodes ({error.strerror})") from error
        if not pictures:
            raise DecodeError(f"{path}: no picture decodes")
        missing = len(times) - len(pictures)
        return np.stack(pictures + pictures[-1:] * missing)


def _frames_at(
    container: InputContainer, stream: VideoStream, times: Sequence[float]
) -> Iterator[av.VideoFrame]:
    tick = float(stream.time_base or 1)
    rate = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
    origin = stream.start_time or 0
    most = max(1, _PIXELS_AHEAD // max(1, stream.width * stream.height))
    position = float("-inf")
    frames = container.decode(stream)
    for wanted in times:
        # On from here where that is near; a seek would go back to the same keyframe.
        if not 0 <= (wanted - position) * rate <= most:
            container.seek(origin + round(wanted / tick), stream=stream)
            frames = container.decode(stream)
        found = None
        for number, frame in enumerate(frames):
            found = frame
            ticks = frame.pts if frame.pts is not None else frame.dts
            position = float("-inf") if ticks is None else (ticks - origin) * tick
            if ticks is None or number >= most or position >= wanted - 0.5 / rate:
                break
        if found is None:
            return
        yield found


def _shrink(frame: av.VideoFrame, height: int) -> NDArray[np.uint8]:
    """Return a frame upright at a height, as RGB."""
    turns = quarter_turns(int(frame.rotation)) // 90
    ratio = frame.width / frame.height
    upright_ratio = 1 / ratio if turns % 2 else ratio
    width = max(2, round(height * min(max(upright_ratio, 1 / _WIDEST), _WIDEST)))
    size = (height, width) if turns % 2 else (width, height)
    small = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA")
    return np.rot90(small.to_ndarray(), turns)
