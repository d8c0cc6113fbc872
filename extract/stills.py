"""Pictures of a video for people to look at: all of them in order, or a few at given times.

Features are never made of these: a few are reached by seeking, which on damaged files may show a
neighbour of the frame that was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from extract.container import open_container
from extract.decoders import Picture, Reading, decode_pyav
from extract.probe import VideoProbe, probe


def read_pictures(path: str) -> Iterator[Picture]:
    """Yield every frame that gets a score, upright and at full size, in the order of the scores.

    Ends early where decoding does, as an extraction of the same file.

    Raises:
        DecodeError: The file cannot be read.
    """
    facts = probe(path)
    return (_upright(frame, facts) for frame in decode_pyav(Reading(facts, "pyav")))


def read_stills(path: str, times: Sequence[float], height: int) -> list[Picture]:
    """Return the pictures shown at some times, in seconds from the first frame, ``height`` high.

    A time past the last frame that decodes gives that frame; of a file without one, nothing.

    Raises:
        DecodeError: The file cannot be read.
    """
    facts = probe(path)
    wanted = sorted(times)
    if facts.has_presentation_times and facts.timestamps.size:
        frames = _sought(facts, wanted)
    else:
        frames = _passed(facts, wanted)
    return [_shrunk(_upright(frame, facts), height) for frame in frames]


def _sought(facts: VideoProbe, times: Sequence[float]) -> Iterator[av.VideoFrame]:
    """Yield a frame for each time, decoding from the keyframe before it."""
    ticks = np.rint(np.asarray(times) / facts.tick).astype(np.int64) + facts.timestamps[0]
    with open_container(facts.path) as container:
        stream = next(s for s in container.streams.video if s.index == facts.stream)
        latest = None
        for target in ticks.tolist():
            try:
                container.seek(target, stream=stream)
                for frame in container.decode(stream):
                    latest = frame
                    if frame.pts is not None and frame.pts >= target:
                        break
            except av.FFmpegError:
                pass  # the last good frame stands for what cannot be decoded
            if latest is not None:
                yield latest


def _passed(facts: VideoProbe, times: Sequence[float]) -> Iterator[av.VideoFrame]:
    """Yield a frame for each time, reading from the start: the file gives no times to seek by."""
    reading = Reading(facts, "pyav")
    waiting, latest = list(times), None
    for frame in decode_pyav(reading):
        latest = frame
        while waiting and reading.times[-1] >= waiting[0]:
            waiting.pop(0)
            yield frame
        if not waiting:
            return
    for _ in waiting:
        if latest is not None:
            yield latest


def _upright(frame: av.VideoFrame, facts: VideoProbe) -> Picture:
    picture: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(picture, facts.rotation // 90))


def _shrunk(picture: Picture, height: int) -> Picture:
    """Return a picture at this height, its width in proportion; a lower one stays as it is."""
    if picture.shape[0] <= height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    shrunk: Picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk
