"""PyAV, which reads every file that FFmpeg reads, forward and never by seeking."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from extract.clock import Clock
from extract.container import MAX_PIXELS, open_container
from extract.decoders.pixels import Picture, resize, target_size
from extract.decoders.reading import Reading
from extract.images import IMAGES, decode_images, find_images
from extract.packets import decode_packets, read_packets
from extract.probe import VideoProbe
from extract.recipe import Recipe
from extract.sampling import sample


def unfit_reason(probe_info: VideoProbe, recipe: Recipe) -> str:
    """Return an empty string: whatever was probed can be read."""
    return ""


def is_preferred(probe_info: VideoProbe, recipe: Recipe) -> bool:
    """Return True: ``auto`` ends here."""
    return True


def read(reading: Reading, recipe: Recipe) -> Iterator[tuple[int, Picture]]:
    """Yield ``(segment, picture)`` for the recipe's frames; only these are converted to RGB.

    Packets that FFmpeg cannot decode are passed over; where it is no use to go on the frames end
    early, with ``reading.error`` set.
    """
    probe_info = reading.probe_info
    size = target_size(probe_info, recipe.resize)
    colours = VideoReformatter()  # one for all frames: its tables take as long as a small frame

    def convert(frame: av.VideoFrame) -> Picture:
        rgb = to_rgb(colours.reformat(frame, format="rgb24"), probe_info)
        return resize(rgb, size, recipe.resize)

    return sample(decode_frames(reading), convert, recipe.frames, recipe.tail)


def decode_frames(reading: Reading) -> Iterator[av.VideoFrame]:
    """Yield every shown frame, unconverted; ``reading`` notes times, and an error that ended it.

    Frames at the end that repeat the one before, at no later time, are counted but not yielded.
    """
    probe_info = reading.probe_info
    shown: av.VideoFrame | None = None
    for frame in _decode(reading):
        has_times = probe_info.has_presentation_times
        ticks = frame.pts if has_times else probe_info.shown_at(reading.position)
        if (
            shown is not None
            and not reading.is_later(ticks)
            and np.array_equal(to_rgb(shown, probe_info), to_rgb(frame, probe_info))
        ):
            reading.duplicates += 1
            continue
        # Another picture came after all: what repeated was no padding.
        while shown is not None and reading.duplicates:
            reading.duplicates -= 1
            reading.stamp(None)
            yield shown
        shown = frame
        reading.stamp(ticks)
        yield frame


def to_rgb(frame: av.VideoFrame, probe_info: VideoProbe, matrix: str | None = None) -> Picture:
    """Return a frame upright; ``matrix`` is PyAV's name of another colour matrix than its own."""
    rgb: Picture = frame.to_ndarray(format="rgb24", src_colorspace=matrix)
    return probe_info.orientation.apply(rgb)


def _decode(reading: Reading) -> Iterator[av.VideoFrame]:
    """Yield every frame that FFmpeg gives; ``reading`` notes an error that ended it."""
    probe_info = reading.probe_info
    if probe_info.container == IMAGES:
        if (folder := find_images(probe_info.path)) is None:
            reading.error = "the images are gone"
            return
        yield from decode_images(folder, reading.lose)
        return
    with open_container(probe_info.path) as container:
        stream = next(s for s in container.streams.video if s.index == probe_info.stream)
        # One worker, one core; and what a broken stream shows does not depend on the threads.
        stream.codec_context.thread_count = 1
        packets = read_packets(container, stream, Clock.of(container, stream))
        try:
            for frame in decode_packets(stream, packets, reading.lose):
                if frame.width * frame.height > MAX_PIXELS:
                    reading.error = f"the picture grows to {frame.width}×{frame.height}"
                    return
                yield frame
        except MemoryError:
            raise  # of this machine or a limit: what was read so far is no partial video
        except av.FFmpegError as error:
            reading.error = f"{error.strerror} after {reading.decoded} frames"
