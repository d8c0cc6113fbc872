"""Opening a video file and choosing its stream: every reader of files begins here."""

from __future__ import annotations

import stat

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stores.files.locations import is_remote, location

MAX_PIXELS = 8192 * 8192
"""Largest picture read, 201 MB as RGB. Headers of 16k × 16k exist, cameras of that size do not."""


_MICROSECONDS = 1e-6  # a container states its duration in them


class DecodeError(ValueError):
    """A video cannot be read: one line that says which, what is wrong and what to do."""


def open_container(path: str) -> InputContainer:
    """Open a video file, of this machine or behind a URL, with PyAV for reading.

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
        if is_remote(file):
            return av.open(file.open("rb"), metadata_errors="ignore")
        # Absolute, since FFmpeg would take a leading "name:" for a protocol. Tags that are no
        # UTF-8 are common and never needed.
        return av.open(str(file.absolute()), metadata_errors="ignore")
    except PermissionError as error:
        raise DecodeError(f"{path}: no permission to read the file") from error
    except FileNotFoundError as error:
        leads = "a link that leads nowhere" if file.is_symlink() else "no such file"
        raise DecodeError(f"{path}: {leads}") from error
    except av.FFmpegError as error:
        raise DecodeError(
            f"{path}: not a video that FFmpeg can open ({error.strerror}); check that it plays"
        ) from error
    except OSError as error:
        raise DecodeError(f"{path}: cannot be read ({error.strerror})") from error


def stated_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Return how long a video lasts as its stream, or else its file, states; 0 where neither."""
    seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if container.format.name == "avi" and stream.average_rate:
        # FFmpeg shortens an AVI's duration to what its size allows. The header's number of frames
        # stays, and with it what is missing from a file that was cut.
        seconds = max(seconds, stream.frames / float(stream.average_rate))
    return seconds or (container.duration or 0) * _MICROSECONDS


def check_size(path: str, width: int, height: int) -> None:
    """Raise DecodeError where a picture is larger than ``MAX_PIXELS``."""
    if width * height > MAX_PIXELS:
        raise DecodeError(
            f"{path}: a picture of {width}×{height} is over the limit of "
            f"{MAX_PIXELS / 1e6:.0f} megapixels; scale the video down first"
        )


def choose_stream(container: InputContainer, path: str) -> VideoStream:
    """Return the stream to read; a DecodeError says that there is none, or none FFmpeg decodes."""

    def is_cover(stream: VideoStream) -> bool:
        return bool(stream.disposition & Disposition.attached_pic)

    if container.format.name.endswith(("_pipe", "image2")):  # FFmpeg's readers of picture files
        raise DecodeError(f"{path}: a single picture, not a video, whatever its name says")
    chosen = container.streams.best("video")
    if not isinstance(chosen, VideoStream) or is_cover(chosen):
        moving = [stream for stream in container.streams.video if not is_cover(stream)]
        if not moving:
            raise DecodeError(
                f"{path}: there is no video stream in this file (sound or data alone)"
            )
        chosen = max(moving, key=lambda stream: stream.width * stream.height)
    if chosen.codec_context is None:
        raise DecodeError(f"{path}: FFmpeg has no decoder for this video; convert it to H.264")
    return chosen
