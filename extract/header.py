"""What a video file's header announces, without reading its packets: cheap even over a network.

The counts are the file's own claims; `extract.probe` counts what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from extract.container import check_size, choose_stream, open_container, stated_seconds
from extract.probe import DEFAULT_RATE


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """``frames`` and ``seconds`` as announced or derived from each other; 0 where neither is."""

    width: int
    height: int
    frames: int
    seconds: float


def read_header(path: str) -> VideoHeader:
    """Open a file and return what its video stream announces.

    Raises:
        DecodeError: As :func:`extract.probe.probe`, but for what only the packets show.
    """
    with open_container(path) as container:
        stream = choose_stream(container, path)
        check_size(path, stream.width, stream.height)
        rate = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
        seconds = stated_seconds(container, stream)
        frames = stream.frames or round(seconds * rate)
        return VideoHeader(stream.width, stream.height, frames, seconds or frames / rate)
