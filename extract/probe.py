"""What a video file announces, read from its packets alone before anything is decoded at length."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from extract.container import (
    DecodeError,
    check_size,
    choose_stream,
    frame_rate,
    open_container,
    stated_seconds,
)


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """What is known of one video stream before it is decoded.

    ``width`` and ``height`` are those of the stored picture, ``rotation`` the anticlockwise quarter
    turns, in degrees (0, 90, 180, 270), that set it upright. ``frames`` counts the packets that
    should show a picture, ``hidden`` those that an edit list decodes without showing, ``keyframes``
    the places among both where decoding can start. ``timestamps`` [N] are the shown packets' times
    in ticks, sorted; N is less than ``frames`` where packets carry none. ``tick`` is the seconds of
    one tick, ``rate`` the average frames a second, ``seconds`` the stated duration, 0 where there
    is none. ``damage`` says what stopped the reading of packets before the file's end.
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
        """Whether the file says when each frame is shown; AVI has an order of decoding and a rate.

        With B-frames what FFmpeg reports for one frame is then a guess, the sorted table is not.
        """
        return self.container != "avi"

    def shown_at(self, frame: int) -> int | None:
        """Return the ticks of the frame shown as number ``frame``, None past the table's end."""
        return int(self.timestamps[frame]) if frame < self.timestamps.size else None


def probe(path: str) -> VideoProbe:
    """Read a file's packet table, and its first picture for the rotation alone.

    Raises:
        DecodeError: As :func:`open_container` and :func:`choose_stream`; or there is no picture.
    """
    with open_container(path) as container:
        stream = choose_stream(container, path)
        context = stream.codec_context
        table = _read_packets(container, stream)
        # Some headers give no size; the first picture has set it by now.
        width, height = context.width, context.height
        check_size(path, width, height)
        if table.frames == 0 or width * height == 0:
            raise DecodeError(f"{path}: the video stream holds no picture; fetch the file again")
        return VideoProbe(
            path=path,
            container=container.format.name,
            stream=stream.index,
            codec=context.codec.canonical_name,
            pixel_format=context.pix_fmt or "unknown",
            width=width,
            height=height,
            rotation=quarter_turns(table.rotation or 0),
            frames=table.frames,
            hidden=table.hidden,
            keyframes=table.keyframes,
            timestamps=np.sort(np.array(table.ticks, dtype=np.int64)),
            tick=float(stream.time_base or 1),
            rate=frame_rate(stream),
            seconds=stated_seconds(container, stream),
            is_best_stream=stream is container.streams.best("video"),
            damage=table.damage,
        )


def quarter_turns(rotation: int) -> int:
    """Return an angle as 0, 90, 180 or 270 degrees; 0 where it is no quarter turn but nonsense."""
    return rotation % 360 if rotation % 90 == 0 else 0


@dataclass(slots=True)
class _PacketTable:
    frames: int = 0
    hidden: int = 0
    keyframes: int = 0
    ticks: array[int] = field(default_factory=lambda: array("q"))  # a million in ten hours
    rotation: int | None = None  # of the header, which PyAV shows on decoded frames alone
    damage: str = ""


def _read_packets(container: InputContainer, stream: VideoStream) -> _PacketTable:
    table = _PacketTable()
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            table.keyframes += packet.is_keyframe
            table.hidden += packet.is_discard
            table.frames += not packet.is_discard
            if packet.pts is not None and not packet.is_discard:
                table.ticks.append(packet.pts)
            if table.rotation is None:
                table.rotation = _first_rotation(packet)
    except av.FFmpegError as error:
        table.damage = f"packets end early: {error.strerror}"
    return table


def _first_rotation(packet: av.Packet) -> int | None:
    """Decode one packet; the angle of its first picture, or None where it gives none yet."""
    try:
        pictures = packet.decode()
    except av.FFmpegError:
        return 0  # the decoding proper will meet the same error and report it
    return int(pictures[0].rotation) if pictures else None
