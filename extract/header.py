"""What a video file's header announces, without reading its packets: cheap even over a network."""

from __future__ import annotations

from dataclasses import dataclass

from extract.container import choose_stream, frame_rate, open_container, stated_seconds

_PLAYED_CODECS = {"mov,mp4": ("h264", "av1", "vp9"), "matroska": ("vp8", "vp9", "av1")}


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """Container, codec and pixel format by FFmpeg's names, and what the file claims to hold.

    ``frames`` and ``seconds`` are as announced or derived from each other; 0 where neither is.
    ``start`` are the seconds of the first frame on the container's clock, which players show.
    """

    container: str
    codec: str
    pixel_format: str
    frames: int
    seconds: float
    start: float

    @property
    def plays_in_browsers(self) -> bool:
        """Whether all common browsers play it on every system: not HEVC, nor H.264 in Matroska."""
        if self.codec == "h264" and self.pixel_format not in ("yuv420p", "yuvj420p"):
            return False
        return any(
            self.container.startswith(name) and self.codec in codecs
            for name, codecs in _PLAYED_CODECS.items()
        )


def read_header(path: str) -> VideoHeader:
    """Open a file and return what its video stream announces.

    Raises:
        DecodeError: As :func:`extract.probe.probe`, but for what only the packets show.
    """
    with open_container(path) as container:
        stream = choose_stream(container, path)
        rate = frame_rate(stream)
        seconds = stated_seconds(container, stream)
        frames = stream.frames or round(seconds * rate)
        return VideoHeader(
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=stream.codec_context.pix_fmt or "unknown",
            frames=frames,
            seconds=seconds or frames / rate,
            start=max(0.0, float((stream.start_time or 0) * (stream.time_base or 0))),
        )
