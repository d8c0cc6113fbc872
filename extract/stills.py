"""Pictures of a video for people to look at: all of them in order, or a few at given times.

Features are never made of these: a few are reached by seeking, which on damaged files may show a
neighbour of the frame that was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

import av
import cv2
from av.container import InputContainer
from av.video.stream import VideoStream

from extract.clock import Clock
from extract.container import DecodeError, choose_stream, frame_rate, open_container
from extract.decoders.pixels import Picture
from extract.decoders.pyav_reader import decode_frames, to_rgb
from extract.decoders.reading import Reading
from extract.images import find_images, read_image_stills
from extract.orientation import Orientation
from extract.packets import decode_packets, read_packets
from extract.probe import probe
from stores.files.sequences import IMAGE_RATE

PIXELS_AHEAD = 12_000_000
"""Pixels that are decoded rather than sought over: 150 frames of 320×240, six of 1080p, about a
fiftieth of a second either way."""

_WIDEST = 4.0  # times the height: the still of a panorama is squeezed


def read_pictures(path: str) -> Iterator[Picture]:
    """Yield every frame that gets a score, upright and at full size; ends where decoding does.

    Raises:
        DecodeError: The file cannot be read.
    """
    probe_info = probe(path)
    for frame in decode_frames(Reading(probe_info, "pyav")):
        yield to_rgb(frame, probe_info)


def read_stills(
    path: str,
    times: Sequence[float],
    height: int,
    image_rate: float = IMAGE_RATE,
    *,
    exact: bool = True,
) -> list[Picture]:
    """Return the picture shown at each of some times, upright and ``height`` high, all of one size.

    ``times`` are seconds from the first frame, quickest in ascending order. Past the end, and where
    decoding fails, the last good picture is repeated. Not ``exact``, at most ``PIXELS_AHEAD`` are
    decoded for a time, and it may be a frame of shortly before; in AVI, a neighbour. A folder of
    images has ``image_rate`` of them a second.

    Raises:
        DecodeError: The file cannot be opened, or no frame of it decodes.
    """
    if (folder := find_images(path)) is not None:
        images = read_image_stills(folder, [round(seconds * image_rate) for seconds in times])
        size = _size(images[0].shape[1::-1], height)
        return [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
    with open_container(path) as container:
        stream = choose_stream(container, path)
        first = next(_decode(container, stream), None)
        if first is None:
            raise DecodeError(f"{path}: no picture decodes")
        if _cannot_seek(path, container, stream, exact=exact):
            frames = _frames_in_order(path, times)
        else:
            frames = _frames_at(container, stream, first, times, exact=exact)
        orientation = Orientation.of(first)
        width, height = _size(orientation.size(first.width, first.height), height)
        stored = orientation.size(width, height)
        pictures = [
            orientation.apply(
                frame.reformat(*stored, format="rgb24", interpolation="AREA").to_ndarray()
            )
            for frame in frames
        ]
    return pictures[:1] * (len(times) - len(pictures)) + pictures


def _size(upright: tuple[int, int], height: int) -> tuple[int, int]:
    ratio = min(max(upright[0] / upright[1], 1 / _WIDEST), _WIDEST)
    return max(2, round(height * ratio)), height


def _cannot_seek(path: str, container: InputContainer, stream: VideoStream, *, exact: bool) -> bool:
    """Return whether the times that a file would be sought by are not those of its frames.

    AVI stores none. In containers of broadcasting the clock may step, which their packets show.
    """
    if container.format.name == "avi":
        return exact
    return not Clock.of(container, stream).may_pause and bool(probe(path).steps)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Yield the frames from where the container stands, past what does not decode."""
    packets = read_packets(container, stream, Clock.of(container, stream))
    with suppress(av.FFmpegError):  # the last good picture stands for what follows
        yield from decode_packets(stream, packets, lambda: None)


def _frames_in_order(path: str, times: Sequence[float]) -> Iterator[av.VideoFrame]:
    """Yield a frame for each time, read from the start: AVI stores no times to seek by."""
    probe_info = probe(path)
    reading = Reading(probe_info, "pyav")
    waiting = sorted(times, reverse=True)
    found: dict[float, av.VideoFrame] = {}
    for frame in decode_frames(reading):
        while waiting and reading.times[-1] >= waiting[-1] - probe_info.tick / 2:
            found[waiting.pop()] = frame
        if not waiting:
            break
    if reading.decoded:
        yield from (found.get(wanted, frame) for wanted in times)


def _frames_at(
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    times: Sequence[float],
    *,
    exact: bool,
) -> Iterator[av.VideoFrame]:
    """Yield a frame for each time; ``first`` is the one that was just decoded."""
    tick, rate, origin = float(stream.time_base or 1), frame_rate(stream), stream.start_time or 0
    most = max(1, PIXELS_AHEAD // max(1, stream.width * stream.height))
    frames, position, found = chain([first], _decode(container, stream)), -1 / rate, first
    for wanted in times:
        # On from here where that is near; a seek would go back to the same keyframe.
        if not 0 <= (wanted - position) * rate <= most:
            with suppress(av.FFmpegError):  # raw streams cannot seek, and are read on
                container.seek(origin + round(wanted / tick), stream=stream)
                frames = chain(_decode(container, stream))
        for number, frame in enumerate(frames):
            found = frame
            ticks = frame.pts if frame.pts is not None else frame.dts
            position = position + 1 / rate if ticks is None else (ticks - origin) * tick
            if position >= wanted - tick / 2 or (number >= most and not exact):
                break
        yield found
