"""What a video file's header announces, without reading its packets: cheap even over a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import chain

from av.container import InputContainer
from av.video.stream import VideoStream

from extract.container import (
    DecodeError,
    choose_stream,
    frame_rate,
    open_container,
    stated_seconds,
)
from extract.images import IMAGES, find_images
from extract.killable import DEADLINE, killable
from stores.files.sequences import IMAGE_RATE

_PROCESSES = 2  # that look at files for one command, a batch a call
_READERS = 8  # threads of each: they wait for the disk or the network, hardly for the processor
_BATCH = 64  # files: a call costs about what a file does
_BATCH_DEADLINE = 30.0  # seconds: hardly a second, but of a slow network

# FFmpeg else reads up to 5 MB and decodes a picture; with less than this it does not know formats.
_HEADER_ALONE = {"probesize": "2048", "analyzeduration": "0", "skip_frame": "all"}
_PLAYED_CODECS = {"mov,mp4": ("h264", "av1", "vp9"), "matroska": ("vp8", "vp9", "av1")}


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """Container, codec and pixel format by FFmpeg's names, and what the file claims to hold.

    ``frames`` and ``seconds`` are as announced or derived from each other; 0 where neither is.
    ``start`` are the seconds of the first frame on the container's clock, which players show;
    ``missing`` names the images that a folder of them lacks; ``created`` is when the container says
    that it was recorded, in ISO 8601 with a zone, '' where it does not.
    """

    container: str
    codec: str
    pixel_format: str
    frames: int
    seconds: float
    start: float
    missing: str = ""
    created: str = ""

    @property
    def plays_in_browsers(self) -> bool:
        """Whether all common browsers play it on every system: not HEVC, nor H.264 in Matroska."""
        if self.codec == "h264" and self.pixel_format not in ("yuv420p", "yuvj420p"):
            return False
        return any(
            self.container.startswith(name) and self.codec in codecs
            for name, codecs in _PLAYED_CODECS.items()
        )


def read_header(path: str, image_rate: float = IMAGE_RATE, *, quick: bool = False) -> VideoHeader:
    """Open a file and return what its video stream announces.

    ``quick`` is without a look at the pictures where the header itself gives size and rate, as in
    MP4 and Matroska: a fraction of the time, but for the pixel format and the start. A folder of
    images announces as many frames as it has numbers, ``image_rate`` a second.

    Raises:
        DecodeError: As :func:`extract.probe.probe`, but for what only the packets show.
    """
    if (folder := find_images(path)) is not None:
        folder.size()
        seconds, what = folder.frames / image_rate, (IMAGES, folder.suffix, "rgb24")
        return VideoHeader(*what, folder.frames, seconds, start=0.0, missing=folder.missing)
    if quick:
        with suppress(DecodeError), open_container(path, dict(_HEADER_ALONE)) as container:
            stream = choose_stream(container, path)
            # Which of several streams is the best, only their pictures tell.
            if stream.average_rate and stream.width and len(container.streams.video) == 1:
                return _header_of(container, stream)
    with open_container(path) as container:
        return _header_of(container, choose_stream(container, path))


_QUICK = partial(read_header, quick=True)


def read_headers(
    paths: Sequence[str],
    read: Callable[[str], VideoHeader] = _QUICK,
    *,
    batch_deadline: float = _BATCH_DEADLINE,
    deadline: float = DEADLINE,
) -> Iterator[VideoHeader | DecodeError]:
    """Yield for each of many files its quick header, or why it has none, in their order.

    They are read in processes that can be killed. Where a batch is not read in ``batch_deadline``
    seconds, or takes its process down, its files are read once more one by one, so that one that
    hangs for ``deadline`` seconds or crashes costs itself alone. ``read`` travels as a pickle.
    """

    def outcomes(batch: Sequence[str]) -> Sequence[VideoHeader | DecodeError]:
        try:
            return killable(_read_batch, batch[0], batch, read, deadline=batch_deadline)
        except DecodeError:
            return [alone(path) for path in batch]

    def alone(path: str) -> VideoHeader | DecodeError:
        try:
            return killable(read, path, deadline=deadline)
        except DecodeError as error:
            return error

    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(_PROCESSES) as processes:
        yield from chain.from_iterable(processes.map(outcomes, batches))


def _read_batch(
    _: str, paths: Sequence[str], read: Callable[[str], VideoHeader]
) -> list[VideoHeader | DecodeError]:
    def outcome(path: str) -> VideoHeader | DecodeError:
        try:
            return read(path)
        except DecodeError as error:
            return error

    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(outcome, paths))


def _header_of(container: InputContainer, stream: VideoStream) -> VideoHeader:
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
        created=_created(container.metadata.get("creation_time", "")),
    )


def _created(stated: str) -> str:
    """Return a container's date as ISO 8601, in UTC where it has no zone; '' where it is none."""
    with suppress(ValueError):
        time = datetime.fromisoformat(stated.replace("Z", "+00:00"))
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).isoformat()
    return ""
