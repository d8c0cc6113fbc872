"""Where a video's packets lie, so that a stretch of it is reached without decoding what is before.

A survey is made once a video, and is plain data that travels to processes that cut.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from extract.clock import Clock
from extract.container import open_container
from extract.fields import FieldPairs
from extract.images import IMAGES
from extract.packets import read_packets
from extract.probe import VideoProbe, probe
from stores.files.sequences import IMAGE_RATE

UNTIMED = -(2**63)
"""The time of a packet that has none."""

_INDEXED = (
    "mov,mp4",
    "matroska",
)  # containers that lead to a packet without reading what is before


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found of a video: ``shown``, ``decoded`` and ``keys`` [P] of packets as they lie.

    Times are in ticks, as if the clock had made no steps; ``keys`` says where decoding may begin.
    ``is_whole``: each packet is one shown picture, and says when. ``aspect`` is a stored pixel's
    width over its height.
    """

    probe_info: VideoProbe
    shown: NDArray[np.int64]
    decoded: NDArray[np.int64]
    keys: NDArray[np.bool_]
    is_whole: bool
    aspect: Fraction

    @property
    def is_timed(self) -> bool:
        """Whether every shown frame is known by a time of its own, which the file states."""
        ticks = self.probe_info.timestamps
        return (
            self.probe_info.has_presentation_times
            and self.shown.size > 0
            and ticks.size == self.probe_info.frames
            and bool(np.all(np.diff(ticks) > 0))
        )

    def ticks_of(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the ticks of frames by their seconds from the first; of a timed video alone."""
        steps: NDArray[np.int64] = np.rint(times / self.probe_info.tick).astype(np.int64)
        return steps + int(self.probe_info.timestamps[0])

    def clock(self, seconds: float) -> float:
        """Return what the file's own clock shows at ``seconds`` from the first frame."""
        ticks, tick = self.probe_info.timestamps, self.probe_info.tick
        first = int(ticks[0]) if ticks.size else 0
        jumps = (s.jump for s in self.probe_info.steps if (s.ticks - first) * tick <= seconds)
        return first * tick + seconds + sum(jumps)

    def keyframe_before(self, ticks: int) -> int:
        """Return the packet to decode from for a frame: the last keyframe but one up to it, or 0.

        The last one alone would not do: a stream that refreshes its picture bit by bit has marks
        from which on it becomes right, and not ones at which it is.
        """
        usable = np.flatnonzero(self.keys & (self.shown != UNTIMED) & (self.shown <= ticks))
        return int(usable[-2]) if usable.size > 1 else 0


def survey(path: str, image_rate: float = IMAGE_RATE) -> Survey:
    """Read a video's packets, decoding none but the first.

    Raises:
        DecodeError: As :func:`extract.probe.probe`.
    """
    probe_info = probe(path, image_rate)
    shown, decoded, keys, pairs = array("q"), array("q"), array("b"), 0
    aspect = Fraction(1)
    if probe_info.container != IMAGES:
        with open_container(path) as container:
            stream = stream_of(container, probe_info)
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            fields = FieldPairs.of(stream.codec_context)
            with suppress(av.FFmpegError):  # the probe ended there as well
                for packet in read_packets(container, stream, Clock.of(container, stream)):
                    if packet.size:
                        pairs += fields.is_second(packet)
                        shown.append(UNTIMED if packet.pts is None else packet.pts)
                        decoded.append(UNTIMED if packet.dts is None else packet.dts)
                        keys.append(packet.is_keyframe)
    return Survey(
        probe_info=probe_info,
        shown=np.array(shown, dtype=np.int64),
        decoded=np.array(decoded, dtype=np.int64),
        keys=np.array(keys, dtype=np.bool_),
        is_whole=not (pairs or UNTIMED in shown or probe_info.hidden or probe_info.damage),
        aspect=aspect if aspect > 0 else Fraction(1),
    )


def stream_of(container: InputContainer, probe_info: VideoProbe) -> VideoStream:
    """Return the stream that was probed, of a container that was opened again."""
    return next(s for s in container.streams.video if s.index == probe_info.stream)


@contextmanager
def packets_from(found: Survey, number: int) -> Iterator[tuple[VideoStream, Iterator[av.Packet]]]:
    """Open a video and give its stream and the packets from one on, the last one empty.

    Where the container has an index it is sought; the packet found there has to be a known one.

    Raises:
        DecodeError: The file cannot be opened any more.
    """
    path = found.probe_info.path
    with open_container(path) as container:
        stream = stream_of(container, found.probe_info)
        packets = _sought(found, number, container, stream)
        if packets is not None:
            yield stream, packets
            return
    with open_container(path) as container:
        stream = stream_of(container, found.probe_info)
        packets = read_packets(container, stream, Clock.of(container, stream))
        yield stream, _skipping(packets, number)


def is_indexed(probe_info: VideoProbe) -> bool:
    """Return whether a place in the file can be sought by its time."""
    return probe_info.container.startswith(_INDEXED) and not probe_info.steps


def _sought(
    found: Survey, number: int, container: InputContainer, stream: VideoStream
) -> Iterator[av.Packet] | None:
    """Return the packets from one on after seeking it; None where that does not lead there."""
    if not is_indexed(found.probe_info) or not number or found.shown[number] == UNTIMED:
        return None
    try:
        container.seek(int(found.shown[number]), stream=stream)
        packets = read_packets(container, stream, Clock.of(container, stream))
        first = next(packets)
    except (av.FFmpegError, StopIteration):
        return None
    places = np.flatnonzero(found.shown == (UNTIMED if first.pts is None else first.pts))
    if places.size != 1 or places[0] > number:
        return None
    return _skipping(chain([first], packets), number - int(places[0]))


def _skipping(packets: Iterator[av.Packet], count: int) -> Iterator[av.Packet]:
    for packet in packets:
        if count and packet.size:
            count -= 1
        else:
            yield packet
