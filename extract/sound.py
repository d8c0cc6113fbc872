"""The sound of a stretch of a video, copied as it is or left out: it is never encoded anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from extract.container import open_container
from extract.images import IMAGES
from extract.survey import Survey, is_indexed

HELD = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
"""Codecs of sound that MP4 holds and players expect in it, by FFmpeg's names."""

_AHEAD = 1.0  # seconds before a place that are sought, since packets of sound lie apart from it


@dataclass(slots=True)
class Sound:
    """Packets of sound, their times counted from where a clip begins.

    ``codec`` is empty where there is none, and ``remark`` says why where the video has some.
    """

    codec: str = ""
    remark: str = ""
    template: AudioStream | None = None
    packets: deque[av.Packet] = field(default_factory=deque)
    _stream: AudioStream | None = None

    def join(self, made: OutputContainer) -> None:
        """Add the stream to a file, before anything is written to it."""
        if self.template is not None:
            self._stream = made.add_stream_from_template(self.template)

    def write_until(self, made: OutputContainer, seconds: float) -> None:
        """Write the packets up to a time of the clip."""
        while self.packets and _seconds(self.packets[0]) <= seconds:
            packet = self.packets.popleft()
            packet.stream = self._stream
            made.mux(packet)


@contextmanager
def read_sound(found: Survey, start: float, end: float) -> Iterator[Sound]:
    """Give the sound between two times in seconds of the file's clock; held open meanwhile."""
    if found.probe_info.container == IMAGES:
        yield Sound()
        return
    with open_container(found.probe_info.path) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            yield Sound()
        elif found.probe_info.steps:
            yield Sound(remark="sound left out: the file's clock steps")
        elif (codec := _codec(stream)) not in HELD:
            yield Sound(remark=f"sound left out: MP4 has no place for {codec}")
        else:
            packets = deque(_between(found, container, stream, start, end))
            yield (
                Sound(codec, "", stream, packets)
                if packets
                else Sound(remark="sound left out: there is none in this stretch")
            )


def _seconds(packet: av.Packet) -> float:
    return float((packet.pts or 0) * packet.time_base)


def _codec(stream: AudioStream) -> str:
    context = stream.codec_context
    return "an unknown codec" if context is None else str(context.codec.canonical_name)


def _between(
    found: Survey, container: InputContainer, stream: AudioStream, start: float, end: float
) -> Iterator[av.Packet]:
    """Yield the packets of a stretch with their times from its start, up to what is unreadable."""
    tick = float(stream.time_base or 1)
    first, last = round(start / tick), round(end / tick)
    with suppress(av.FFmpegError):
        if is_indexed(found.probe_info):
            container.seek(round(max(0.0, start - _AHEAD) * av.time_base))
        for packet in container.demux(stream):
            if packet.pts is None or packet.pts < first or not packet.size:
                continue
            if packet.pts >= last:
                return
            packet.pts -= first
            packet.dts = packet.pts
            yield packet
