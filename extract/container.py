"""Opening a video file and choosing its stream: every reader of files begins here."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import IO

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stores.files.kinds import HEAD, PICTURE, PLAYLIST, kind_by_content
from stores.files.locations import is_remote, location

MAX_PIXELS = 8192 * 8192
"""Largest picture read, 201 MB as RGB. Headers of 16k × 16k exist, cameras of that size do not."""


_REFERRING = frozenset(
    (
        *("concat", "hls", "dash", "webm_dash_manifest", "imf", "image2", "image2pipe", "vobsub"),
        *("sdp", "rtp", "rtsp", "sap", "avisynth", "vapoursynth", "lavfi", "libgme"),
        *("alsa", "fbdev", "jack", "kmsgrab", "oss", "pulse", "video4linux2,v4l2", "x11grab"),
    )
)
"""FFmpeg's readers whose files name other files, addresses or devices, which they would open."""

# What a file names is opened by nobody: not by these readers, nor over a network by any other.
_CONFINED = {
    "format_whitelist": ",".join(sorted(av.formats_available - _REFERRING)),
    "protocol_whitelist": "file",
}
_NO_VIDEO = {
    PLAYLIST: "a playlist, not a video; give the files that it names themselves",
    PICTURE: "a single picture, not a video, whatever its name says",
}


class DecodeError(ValueError):
    """A video cannot be read: one line that says which, what is wrong and what to do."""


def open_container(path: str, options: dict[str, str] | None = None) -> InputContainer:
    """Open a video file, of this machine or behind a URL, with PyAV for reading.

    ``options`` are FFmpeg's, of its demuxers and decoders.

    Raises:
        DecodeError: There is no such file, it is empty or unreadable, or FFmpeg does not know it.
    """
    file = location(path)
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DecodeError(f"{path}: not a file but a folder, which cannot be searched")
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError(f"{path}: not a file; give the video itself")
        if status.st_size == 0:
            raise DecodeError(f"{path}: the file is empty (0 bytes); fetch it again")
        # Absolute, since FFmpeg would take a leading "name:" for a protocol. Tags that are no
        # UTF-8 are common and never needed.
        source = file.open("rb") if is_remote(file) else str(file.absolute())
        return _open(source, file.suffix.lower(), options)
    except PermissionError as error:
        raise DecodeError(f"{path}: no permission to read the file") from error
    except FileNotFoundError as error:
        leads = "a link that leads nowhere" if file.is_symlink() else "no such file"
        raise DecodeError(f"{path}: {leads}") from error
    except av.FFmpegError as error:
        raise DecodeError(f"{path}: {_reason(file, error)}") from error
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read ({error.strerror})") from error


def _open(source: str | IO[bytes], suffix: str, options: dict[str, str] | None) -> InputContainer:
    how = {"metadata_errors": "ignore", "container_options": _CONFINED, "options": options}
    container = av.open(source, **how)
    if container.format.name == "jpeg_pipe" and suffix in (".mjpeg", ".mjpg"):
        # By its first bytes motion JPEG is a picture; FFmpeg finds that likelier than its suffix.
        container.close()
        container = av.open(source, format="mjpeg", **how)
    return container


def _reason(file: Path, error: av.FFmpegError) -> str:
    """Return why FFmpeg does not open a file: because of what it is instead, where that shows."""
    with file.open("rb") as content:
        kind = kind_by_content(content.read(HEAD))
    unknown = f"not a video that FFmpeg can open ({error.strerror}); check that it plays"
    return _NO_VIDEO.get(kind, unknown)


def frame_rate(stream: VideoStream) -> float:
    """Return the average frames a second that a stream states, or 25: FFmpeg's own assumption."""
    return float(stream.average_rate or stream.guessed_rate or 25)


def stated_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Return how long a video lasts as its stream, or else its file, states; 0 where neither."""
    seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if container.format.name == "avi" and stream.average_rate:
        # FFmpeg shortens an AVI's duration to what its size allows. The header's number of frames
        # stays, and with it what is missing from a file that was cut.
        seconds = max(seconds, stream.frames / float(stream.average_rate))
    return seconds or (container.duration or 0) * 1e-6  # microseconds


def check_size(path: str, width: int, height: int) -> None:
    """Raise DecodeError where a picture is larger than ``MAX_PIXELS``."""
    if width * height > MAX_PIXELS:
        limit = f"the limit of {MAX_PIXELS / 1e6:.0f} megapixels; scale the video down first"
        raise DecodeError(f"{path}: a picture of {width}×{height} is over {limit}")


def choose_stream(container: InputContainer, path: str) -> VideoStream:
    """Return the stream to read: of several the one that FFmpeg calls best, no cover picture.

    Raises:
        DecodeError: There is none, none that FFmpeg decodes, or its picture is too large.
    """
    if container.format.name.endswith(("_pipe", "image2")):  # FFmpeg's readers of picture files
        raise DecodeError(f"{path}: {_NO_VIDEO[PICTURE]}")
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise DecodeError(f"{path}: there is no video stream in this file (sound or data alone)")
    best = container.streams.best("video")
    chosen = next((stream for stream in moving if stream is best), None)
    chosen = chosen or max(moving, key=lambda stream: stream.width * stream.height)
    if chosen.codec_context is None:
        raise DecodeError(f"{path}: FFmpeg has no decoder for this video; convert it to H.264")
    check_size(path, chosen.width, chosen.height)
    return chosen
