"""The clips that decoding is measured on: drawn or cut from a real video, and put end to end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray


def write_clip(
    path: str, codec: str, source: str | None, size: tuple[int, int], count: int
) -> None:
    """Write ``count`` frames in MP4, 30 frames a second, with B-frames where the codec has them."""
    pictures = _from_video(source, size) if source else _drawn(size)
    with av.open(path, "w") as container:
        options = {"preset": "veryfast", "crf": "23", "x265-params": "log-level=none"}
        known = options if codec != "mpeg4" else {"qscale": "5"}
        stream = container.add_stream(codec, rate=Fraction(30), options=known)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for picture, _ in zip(pictures, range(count), strict=False):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def draw_videos(
    folder: Path, seconds: int, count: int, size: tuple[int, int] = (320, 240)
) -> list[Path]:
    """Draw one H.264 video of so many seconds and link it, until there are ``count`` of them."""
    videos = [folder / f"{seconds}s-{size[1]}-{number}.mp4" for number in range(count)]
    write_clip(str(videos[0]), "libx264", None, size, 30 * seconds)
    for other in videos[1:]:
        other.hardlink_to(videos[0])
    return videos


def repeat(source: Path, target: Path, times: int) -> None:
    """Put a video behind itself so many times, without coding it anew."""
    with av.open(str(target), "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            last = 0
            with av.open(str(source)) as container:
                given = container.streams.video[0]
                stream = stream or out.add_stream_from_template(given)
                for packet in container.demux(given):
                    if packet.dts is None:
                        continue
                    last = max(last, (packet.pts or 0) + (packet.duration or 1))
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    out.mux(packet)
            shift += last


def _from_video(source: str, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    while True:
        with av.open(source) as container:
            for frame in container.decode(video=0):
                rgb = frame.to_ndarray(format="rgb24")
                yield cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _drawn(size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Yield a still, textured scene with camera noise and moving boxes, for ever."""
    width, height = size
    random = np.random.default_rng(7)
    coarse = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    noise = random.integers(0, 6, (8, height, width, 3), dtype=np.uint8)
    frame = 0
    while True:
        picture = cv2.add(scene, noise[frame % 8])
        for box in range(6):
            left = (frame * (box + 2) * width // 640 + box * width // 6) % width
            top = (box * height) // 7
            colour = (40 * box, 255 - 30 * box, 128)
            corner = (left + width // 10, top + height // 8)
            cv2.rectangle(picture, (left, top), corner, colour, thickness=-1)
        yield picture.astype(np.uint8)
        frame += 1
