"""What a video file announces, read from its packets alone before anything is decoded at length.

What no decoder should be given is refused here, or in ``extract.container`` already. Pixels are
`extract.video`'s affair.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from extract.container import (
    DecodeError,
    check_size,
    choose_stream,
    open_container,
    stated_seconds,
)

DEFAULT_RATE = 25.0
"""Frames a second where a file states none: FFmpeg's own assumption for raw streams."""


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """The facts of one video stream.

    ``width`` and ``height`` are those of the stored picture, ``rotation`` the anticlockwise quarter
    turns, in degrees (0, 90, 180, 270), that set it upright. ``frames`` counts the packets that
    should show a picture, ``hidden`` those that an edit list decodes without showing, ``keyframes``
    the places among both where decoding can start.
    ``timestamps`` [N] are the shown packets' presentation times in ticks, sorted; N is less than
    ``frames`` where packets carry none. ``tick`` is the seconds of one tick, ``rate`` the average
    frames a second, ``seconds`` the duration that the stream or else the file states, 0 where
    neither does. ``damage`` says what stopped the reading of packets before the file's end.
    """

    path: str
    container: str
    stream: int
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    frames: int
    hidden: int
    keyframes: int
    timestamps: NDArray[np.int64]
    tick: float
    rate: float
    seconds: float
    is_best_stream: bool = True
    damage: str = ""

    @property
    def is_regular(self) -> bool:
        """Whether all frames lie one even step apart, up to the rounding of a tick."""
        if self.frames < 2 or self.timestamps.size != self.frames:
            return self.timestamps.size == self.frames
        step = (self.timestamps[-1] - self.timestamps[0]) / (self.frames - 1)
        even = self.timestamps[0] + step * np.arange(self.frames)
        # A tick for the rounding of each time and of the step's two ends; less where ticks are so
        # coarse that one would hide a doubled or a missing frame.
        slack = min(1.0, step / 4)
        return bool(slack > 0 and np.all(np.abs(self.timestamps - even) <= slack))

    @property
    def has_presentation_times(self) -> bool:
        """Whether the file says when each frame is shown.

        AVI stores frames in decoding order at a fixed rate and nothing more; with B-frames what
        FFmpeg reports for a single frame is a guess, the sorted table is not.
        """
        return self.container != "avi"

    def shown_at(self, frame: int) -> int | None:
        """Return the ticks of the frame shown as number ``frame``, None past the table's end."""
        return int(self.timestamps[frame]) if frame < self.timestamps.size else None

    @property
    def decoded_bytes(self) -> int:
        """Bytes of all shown frames as RGB at their stored size."""
        return self.width * self.height * 3 * self.frames


def probe(path: str) -> VideoProbe:
    """Read a file's packet table, and its first picture for the rotation alone.

    Of several video streams the one that FFmpeg calls best is taken, as decord does too (PyAV's
    own default is the first); cover pictures are passed over.

    Raises:
        DecodeError: As :func:`open_container`; or there is no video stream, no packet in it, no
            decoder for it, or its picture is larger than ``MAX_PIXELS``.
    """
    with open_container(path) as container:
        stream = choose_stream(container, path)
        context = stream.codec_context
        check_size(path, context.width, context.height)
        table = _read_packets(container, stream)
        # Some headers give no size; the first picture has set it by now.
        width, height = context.width, context.height
        check_size(path, width, height)
        if table.frames == 0 or width * height == 0:
            raise DecodeError(f"{path}: the video stream holds no picture; fetch the file again")
        rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
        tick = float(stream.time_base or 1)
        best = container.streams.best("video")
        return VideoProbe(
            path=path,
            container=container.format.name,
            stream=stream.index,
            codec=context.codec.canonical_name,
            pixel_format=context.pix_fmt or "unknown",
            width=width,
            height=height,
            rotation=table.rotation,
            frames=table.frames,
            hidden=table.hidden,
            keyframes=table.keyframes,
            timestamps=table.timestamps,
            tick=tick,
            rate=float(rate),
            seconds=stated_seconds(container, stream),
            is_best_stream=best is not None and best.index == stream.index,
            damage=table.damage,
        )


def quarter_turns(rotation: int) -> int:
    """Return a display matrix's angle as 0, 90, 180 or 270 degrees anticlockwise.

    Angles that are no quarter turn, among them the nonsense of broken headers, count as 0.
    """
    return rotation % 360 if rotation % 90 == 0 else 0


@dataclass(frozen=True, slots=True)
class _PacketTable:
    frames: int
    hidden: int
    keyframes: int
    timestamps: NDArray[np.int64]
    rotation: int
    damage: str


def _read_packets(container: InputContainer, stream: VideoStream) -> _PacketTable:
    frames = hidden = keyframes = 0
    timestamps = array("q")  # ten hours are a million of them
    rotation: int | None = None
    damage = ""
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            keyframes += packet.is_keyframe
            if packet.is_discard:
                hidden += 1
            else:
                frames += 1
                if packet.pts is not None:
                    timestamps.append(packet.pts)
            if rotation is None:
                rotation = _first_rotation(packet)
    except av.FFmpegError as error:
        damage = f"packets end early: {error.strerror}"
    return _PacketTable(
        frames=frames,
        hidden=hidden,
        keyframes=keyframes,
        timestamps=np.sort(np.array(timestamps, dtype=np.int64)),
        rotation=quarter_turns(rotation or 0),
        damage=damage,
    )


def _first_rotation(packet: av.Packet) -> int | None:
    """Decode one packet; the angle of its first picture, or None where it gives none yet.

    The display matrix lies in the container's header, which PyAV shows on decoded frames alone.
    """
    try:
        pictures = packet.decode()
    except av.FFmpegError:
        return 0  # The decoding proper will meet the same error and report it.
    return int(pictures[0].rotation) if pictures else None
