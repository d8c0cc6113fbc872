"""A stream's packets and frames in the order of the file, past what is damaged.

One bad packet costs its own picture, as in every player, and not the rest of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from extract.clock import Clock

MOST_UNREADABLE = 100
"""Places in a row at which no packet can be read: a file cut off has nothing else to its end."""

MOST_UNDECODABLE = 10_000
"""Packets in a row that do not decode, minutes of film: what follows is no video, or encrypted."""


def read_packets(
    container: InputContainer, stream: VideoStream, clock: Clock
) -> Iterator[av.Packet]:
    """Yield a stream's packets with their times on ``clock``, the last one empty to end decoding.

    Raises:
        FFmpegError: ``MOST_UNREADABLE`` times in a row no packet could be read.
    """
    failures = 0
    while True:
        try:
            for packet in container.demux(stream):
                failures = 0
                clock.follow(packet)
                yield packet
        # "Try again" is what MPEG-TS says of a hole. To demux anew is how to go on.
        except (av.InvalidDataError, av.BlockingIOError):  # noqa: PERF203
            failures += 1
            if failures == MOST_UNREADABLE:
                yield av.Packet()  # so that the decoder gives what it holds
                raise
        except IndexError:
            return  # PyAV, at the end, of a stream that appeared on the way: all of ours was given
        else:
            return


def decode_packets(
    stream: VideoStream, packets: Iterator[av.Packet], on_loss: Callable[[], None]
) -> Iterator[av.VideoFrame]:
    """Yield the frames of packets; ``on_loss`` is called for each that does not decode.

    Raises:
        FFmpegError: ``MOST_UNDECODABLE`` packets in a row, or as :func:`read_packets`.
    """
    failures = 0
    for packet in packets:
        try:
            frames = stream.decode(packet)
        except MemoryError:
            raise  # of this machine or a limit, which says nothing of the video
        except av.FFmpegError:
            failures += 1
            if failures == MOST_UNDECODABLE:
                raise
            on_loss()
            continue
        if frames:
            failures = 0
            yield from frames
