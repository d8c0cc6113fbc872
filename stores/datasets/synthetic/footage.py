"""Frames to video files: the containers and codecs that the generated data set is made of."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from stores.files.commit import committing

Codec = Literal["h264", "h264-vfr", "hevc", "mpeg4"]
"""``h264-vfr`` is H.264 with irregular timestamps; ``mpeg4`` has B-frames and lies in an AVI."""

SUFFIXES: dict[Codec, str] = {"h264": ".mp4", "h264-vfr": ".mp4", "hevc": ".mp4", "mpeg4": ".avi"}

_FAST = {"preset": "ultrafast", "crf": "24"}
# One thread each: with more, the bytes depend on which thread was quicker.
_ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", _FAST),
    "h264-vfr": ("libx264", _FAST | {"bf": "2"}),
    "hevc": ("libx265", _FAST | {"x265-params": "pools=none:frame-threads=1:log-level=none"}),
    "mpeg4": ("mpeg4", {"qmin": "2", "qmax": "5", "bf": "2"}),
}
_TICKS = 1000  # a second, in the file of irregular timestamps


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], *, codec: Codec, fps: int, seed: int
) -> None:
    """Encode pictures [H,W,3], blue first, into a file that appears only when it is complete.

    Equal pictures, codec and seed give equal bytes under one version of FFmpeg. ``seed`` moves the
    timestamps of ``h264-vfr``, which vary from half to one and a half times the regular distance.
    """
    encoder, options = _ENCODERS[codec]
    jitter = np.random.default_rng(seed)
    ticks = 0
    with committing(path) as partial, av.open(str(partial), "w") as container:
        stream = container.add_stream(encoder, rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        if codec == "h264-vfr":
            stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        for number, picture in enumerate(frames):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            if codec == "h264-vfr":
                frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
                ticks += int(_TICKS / fps * jitter.uniform(0.5, 1.5))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
