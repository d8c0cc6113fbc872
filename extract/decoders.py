"""The two decoders: a probed file to resized pictures, read forward and never by seeking.

Owns the pixels (colour conversion, turning upright, resizing) and each frame's time. Which decoder
reads which file is `extract.video`'s choice.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from extract.container import MAX_PIXELS, DecodeError, open_container
from extract.probe import VideoProbe
from extract.recipe import Recipe, Resize
from extract.sampling import plan, sample
from stores.records import DecodeAudit

# decord2 loads every CUDA library of the nvidia packages for the whole process to bind to, NVBLAS
# too: 640 MB, and a torch imported later dies in its first matrix product. Nothing here decodes on
# a GPU, so decord is not shown those packages; None in sys.modules hides one.
_nvidia = sys.modules.get("nvidia")
sys.modules["nvidia"] = None  # type: ignore[assignment]  # typeshed knows modules alone
try:
    import decord
finally:
    del sys.modules["nvidia"]
    if _nvidia is not None:
        sys.modules["nvidia"] = _nvidia

Picture = NDArray[np.uint8]
"""An RGB picture [H,W,3]."""

MAX_SIDE = 8192
"""Longest side of a resized picture: ``short256`` of a line one pixel high would be gigabytes."""


@dataclass(slots=True)
class Reading:
    """What has been read of one video so far: frame times, their count and what went wrong.

    ``times`` are the seconds of the frames read since it was last emptied; ``error`` says what
    ended the decoding before the file's end.
    """

    facts: VideoProbe
    decoder: str
    note: str = ""
    error: str = ""
    decoded: int = 0
    duplicates: int = 0
    times: list[float] = field(default_factory=list)
    _repaired: int = 0
    _origin: int | None = None
    _latest: float = 0.0

    def stamp(self, ticks: int | None) -> None:
        """Count one more frame, shown at ``ticks``.

        Times count from the first frame and increase strictly: one that is missing or not later
        than the previous is taken as one average frame later.
        """
        following = self._latest + 1.0 / self.facts.rate if self.decoded else 0.0
        if ticks is not None and self._origin is None:
            self._origin = ticks - round(following / self.facts.tick)
        seconds = following
        if ticks is not None and self._origin is not None:
            seconds = (ticks - self._origin) * self.facts.tick
        if ticks is None or (self.decoded and seconds <= self._latest):
            seconds = following
            self._repaired += 1
        self.decoded += 1
        self._latest = seconds
        self.times.append(seconds)

    def is_later(self, ticks: int | None) -> bool:
        """Return whether ``ticks`` is not a time that was shown already."""
        if ticks is None or self._origin is None or not self.decoded:
            return True
        return (ticks - self._origin) * self.facts.tick > self._latest

    def audit(self) -> DecodeAudit:
        """Return what was announced against what has been decoded."""
        notes = [self.note, self.error, self.facts.damage]
        if self._repaired:
            notes.append(f"{self._repaired} frame times missing or not increasing: set by the rate")
        return DecodeAudit(
            decoder=self.decoder,
            expected_frames=self.facts.frames,
            decoded_frames=self.decoded,
            container_seconds=self.facts.seconds,
            partial=bool(self.error),
            note="; ".join(note for note in notes if note),
            duplicate_frames=self.duplicates,
            shown_seconds=self._latest,
        )


def read_pyav(reading: Reading, recipe: Recipe) -> Iterator[tuple[int, Picture]]:
    """Yield ``(segment, picture)`` for the recipe's frames; only these are converted to RGB.

    Ends early, with ``reading.error`` set, at the first packet that FFmpeg cannot decode.
    """
    size = target_size(reading.facts, recipe.resize)
    quarter_turns = reading.facts.rotation // 90
    colours = VideoReformatter()  # one for all frames: its tables take as long as a small frame

    def convert(frame: av.VideoFrame) -> Picture:
        # PyAV's type is that of every pixel format; rgb24 is uint8.
        rgb: Picture = colours.reformat(frame, format="rgb24").to_ndarray()  # type: ignore[assignment]
        upright = np.rot90(rgb, quarter_turns)
        return resize(upright, size, recipe.resize)

    return sample(decode_pyav(reading), convert, recipe.frames, recipe.tail)


def decode_pyav(reading: Reading) -> Iterator[av.VideoFrame]:
    """Yield every shown frame, unconverted; ``reading`` notes times, and an error that ended it.

    Frames at the end that repeat the picture before them, at no later time, are padding: they are
    counted as duplicates and not yielded.
    """
    facts = reading.facts
    shown: av.VideoFrame | None = None
    for frame in _decode(reading):
        ticks = frame.pts if facts.has_presentation_times else facts.shown_at(reading.decoded)
        if shown is not None and not reading.is_later(ticks) and _is_same(shown, frame):
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


def _is_same(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    return np.array_equal(one.to_ndarray(format="rgb24"), other.to_ndarray(format="rgb24"))


def _decode(reading: Reading) -> Iterator[av.VideoFrame]:
    """Yield every frame that FFmpeg gives; ``reading`` notes an error that ended it."""
    facts = reading.facts
    with open_container(facts.path) as container:
        stream = next(s for s in container.streams.video if s.index == facts.stream)
        # One worker, one core; and where a broken stream ends does not depend on the threads.
        stream.codec_context.thread_count = 1
        try:
            for packet in container.demux(stream):
                for frame in stream.decode(packet):
                    if frame.width * frame.height > MAX_PIXELS:
                        reading.error = f"the picture grows to {frame.width}×{frame.height}"
                        return
                    yield frame
        except MemoryError:
            raise  # the machine's fault or a limit's: what was read so far is no partial video
        except av.FFmpegError as error:
            reading.error = f"{error.strerror} after {reading.decoded} frames"


def read_decord(reading: Reading, recipe: Recipe) -> Iterator[tuple[int, Picture]]:
    """Yield what :func:`read_pyav` yields, for the files on which decord is right.

    The others are not noticed here (see `extract.video`). Ends early, with ``reading.error`` set,
    where decord refuses the file, counts other frames than its packets, or fails on one.
    """
    facts = reading.facts
    size = target_size(facts, recipe.resize)
    is_regular = facts.is_regular
    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(str(Path(facts.path).absolute()), num_threads=1)
        if len(reader) != facts.frames:
            reading.error = f"decord counts {len(reader)} frames of {facts.frames}"
            return
        # Told to skip over a keyframe, decord seeks to it, and shows wrong frames where that is no
        # clean start (intra refresh, open GOPs). It also places frames by even timestamps.
        keyframes = sorted(reader.get_key_indices())
        for segment, frame in plan(facts.frames, recipe.frames, recipe.tail):
            first, count = reading.decoded, frame - reading.decoded
            crosses_none = bisect_left(keyframes, first) == bisect_left(keyframes, frame + 1)
            _pass_over(reader, count, unseen=is_regular and crosses_none)
            picture = reader.next().asnumpy()
            for passed in range(first, frame + 1):
                reading.stamp(facts.shown_at(passed))
            yield segment, resize(picture, size, recipe.resize)
        _pass_over(reader, facts.frames - reading.decoded, unseen=False)
        for passed in range(reading.decoded, facts.frames):
            reading.stamp(facts.shown_at(passed))
    except decord.DECORDError as error:
        # Its messages carry the hour and the source line of every level they passed through.
        reason = re.sub(r"\[[\d:]+\] \S+:\d+: ", "", str(error)).strip().partition("\n")[0]
        reading.error = f"{reason} after {reading.decoded} frames"
    except StopIteration:
        reading.error = f"decord's frames end after {reading.decoded}"


def _pass_over(reader: decord.VideoReader, count: int, unseen: bool) -> None:
    """Read ``count`` frames for nothing; ``unseen`` leaves them unconverted, which is quicker."""
    if unseen and count > 0:
        reader.skip_frames(count)
        return
    for _ in range(count):
        reader.next()


def target_size(facts: VideoProbe, mode: Resize) -> tuple[int, int]:
    """Return the (width, height) to which a recipe's ``resize`` brings a video's upright frames.

    Raises:
        DecodeError: ``short256`` would make the long side longer than ``MAX_SIDE``.
    """
    if mode == "340x256":
        return 340, 256
    if mode == "squash224":
        return 224, 224
    width, height = facts.width, facts.height
    if facts.rotation % 180:
        width, height = height, width
    short = min(width, height)
    # Rounded down, as torchvision's Resize does.
    size = 256 * width // short, 256 * height // short
    if max(size) > MAX_SIDE:
        raise DecodeError(f"{facts.path}: {width}×{height} is too narrow to bring to a side of 256")
    return size


def resize(picture: Picture, size: tuple[int, int], mode: Resize) -> Picture:
    """Return an RGB picture [H,W,3] at ``size`` = (width, height).

    ``340x256`` is plain bilinear, as in the published script (``cv2.resize`` by default; VadCLIP,
    ``crop.py``), which aliases when shrinking; the others average areas when they shrink.
    """
    height, width = picture.shape[:2]
    by_area = mode != "340x256" and size[0] * size[1] < width * height
    method = cv2.INTER_AREA if by_area else cv2.INTER_LINEAR
    resized: Picture = cv2.resize(np.ascontiguousarray(picture), size, interpolation=method)
    return resized
