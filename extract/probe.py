"""What a video announces, read from its packets alone before anything is decoded at length."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from extract.clock import Clock, Step
from extract.container import (
    DecodeError,
    check_size,
    choose_stream,
    frame_rate,
    open_container,
    stated_seconds,
)
from extract.fields import FieldPairs
from extract.images import IMAGES, ImageFolder, find_images
from extract.orientation import Orientation
from extract.packets import MOST_UNDECODABLE, read_packets
from stores.files.sequences import IMAGE_RATE
from stores.records import LostFrames

_FEWEST = 20  # frames that tell what is usual
_EVEN = 0.9  # share of their steps
_HOLE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """What is known of one video stream before it is decoded.

    ``width`` and ``height`` are those of the stored picture, which ``orientation`` sets upright.
    ``frames`` counts the pictures that packets should show, ``hidden`` those that an edit list
    decodes without showing, ``keyframes`` the places among both where decoding can start.
    ``timestamps`` [N] are the shown pictures' times in ticks, sorted, and as if the clock had not
    made its ``steps``; N is less than ``frames`` where packets carry none. ``tick`` is the seconds
    of one tick, ``rate`` the average frames a second, ``seconds`` the stated duration, 0 where
    there is none. ``damage`` says what stopped the reading of packets before the file's end.
    """

    path: str
    container: str
    stream: int
    codec: str
    pixel_format: str
    width: int
    height: int
    orientation: Orientation
    frames: int
    hidden: int
    keyframes: int
    timestamps: NDArray[np.int64]
    tick: float
    rate: float
    seconds: float
    is_best_stream: bool = True
    damage: str = ""
    steps: tuple[Step, ...] = ()

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
    def holes(self) -> list[LostFrames]:
        """Stretches of otherwise even footage in which the file has no packet for over a second.

        MP4 states of each frame how long it is shown, so that there a long one is no hole.
        """
        is_timed = self.timestamps.size == self.frames >= _FEWEST
        if not is_timed or self.container.startswith("mov,mp4"):
            return []
        times = (self.timestamps - self.timestamps[0]) * self.tick
        steps = np.diff(times)
        usual = float(np.median(steps))
        is_even = np.abs(steps - usual) <= max(1.5 * self.tick, usual / 4)
        if usual <= 0 or is_even.mean() < _EVEN:
            return []
        after = np.flatnonzero(steps > max(_HOLE, 5 * usual)) + 1
        return [LostFrames(float(times[i - 1] + usual), float(times[i]), 0) for i in after]

    @property
    def has_presentation_times(self) -> bool:
        """Whether the file says when each frame is shown; AVI has an order of decoding and a rate.

        With B-frames what FFmpeg reports for one frame is then a guess, the sorted table is not.
        """
        return self.container != "avi"

    def shown_at(self, frame: int) -> int | None:
        """Return the ticks of the frame shown as number ``frame``, None past the table's end."""
        return int(self.timestamps[frame]) if frame < self.timestamps.size else None


def probe(path: str, image_rate: float = IMAGE_RATE) -> VideoProbe:
    """Read a file's packet table, and its first picture for the orientation alone.

    A folder of images has ``image_rate`` frames a second, and its numbers are ticks.

    Raises:
        DecodeError: As :func:`open_container` and :func:`choose_stream`; or there is no picture.
    """
    if (folder := find_images(path)) is not None:
        return _probe_images(folder, image_rate)
    with open_container(path) as container:
        stream = choose_stream(container, path)
        context = stream.codec_context
        table = _read_packets(container, stream)
        # Some headers give no size, and damaged packets a wrong one: the first picture's is right.
        width, height = table.size or (context.width, context.height)
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
            orientation=table.orientation,
            frames=table.frames,
            hidden=table.hidden,
            keyframes=table.keyframes,
            timestamps=np.sort(np.array(table.ticks, dtype=np.int64)),
            tick=float(stream.time_base or 1),
            rate=table.rate(stream),
            seconds=stated_seconds(container, stream),
            is_best_stream=stream is container.streams.best("video"),
            damage=table.damage,
            steps=tuple(table.steps),
        )


def _probe_images(folder: ImageFolder, rate: float) -> VideoProbe:
    width, height = folder.size()
    return VideoProbe(
        path=folder.path,
        container=IMAGES,
        stream=0,
        codec=folder.suffix,
        pixel_format="rgb24",
        width=width,
        height=height,
        orientation=Orientation(),
        frames=folder.frames,
        hidden=0,
        keyframes=folder.frames,
        timestamps=np.arange(folder.frames),
        tick=1 / rate,
        rate=rate,
        seconds=folder.frames / rate,
        damage=folder.missing,
    )


@dataclass(slots=True)
class _PacketTable:
    frames: int = 0
    hidden: int = 0
    pairs: int = 0  # of fields
    keyframes: int = 0
    ticks: array[int] = field(default_factory=lambda: array("q"))  # a million in ten hours
    size: tuple[int, int] | None = None  # of the first picture
    orientation: Orientation = field(default_factory=Orientation)  # shown on frames alone
    undecodable: int = 0  # packets before the first picture
    damage: str = ""
    steps: list[Step] = field(default_factory=list)

    def rate(self, stream: VideoStream) -> float:
        """Return the average frames a second, which some headers state of fields."""
        stated = frame_rate(stream)
        if not self.pairs or len(self.ticks) < 2:
            return stated
        span = (max(self.ticks) - min(self.ticks)) * float(stream.time_base or 1)
        measured = (len(self.ticks) - 1) / max(span, 1e-6)
        return stated / 2 if stated > 1.5 * measured else stated


def _read_packets(container: InputContainer, stream: VideoStream) -> _PacketTable:
    table, clock = _PacketTable(), Clock.of(container, stream)
    fields = FieldPairs.of(stream.codec_context)
    table.steps = clock.steps
    try:
        for packet in read_packets(container, stream, clock):
            if packet.size == 0:
                continue
            if table.size is None and table.undecodable < MOST_UNDECODABLE:
                _look_at_picture(packet, table)
            if fields.is_second(packet):
                table.pairs += 1
                continue
            table.keyframes += packet.is_keyframe
            table.hidden += packet.is_discard
            table.frames += not packet.is_discard
            if packet.pts is not None and not packet.is_discard:
                table.ticks.append(packet.pts)
    except av.FFmpegError as error:
        table.damage = f"packets end early: {error.strerror}"
    return table


def _look_at_picture(packet: av.Packet, table: _PacketTable) -> None:
    """Decode one packet for the size and orientation of its picture, where it gives one."""
    try:
        pictures = packet.decode()
    except av.FFmpegError:
        table.undecodable += 1  # the decoding proper will meet it again and report it
        return
    for picture in pictures[:1]:
        table.size = picture.width, picture.height
        table.orientation = Orientation.of(picture)
