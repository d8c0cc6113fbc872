"""Small real video files, written by PyAV: every frame a flat grey that says which one it is."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from extract.source import Chunk
from extract.video import read_chunks

GREY_STEP = 5
"""Between two frames' greys; lossy codecs stay well within half of it on flat pictures."""


@pytest.fixture
def write_video(tmp_path) -> Callable[..., str]:
    """Write a video whose frame i is flat grey ``20 + 5·(i mod 40)``, and return its path."""

    def write(
        name: str = "video.mp4",
        *,
        frames: int = 40,
        size: tuple[int, int] = (64, 48),
        codec: str = "libx264",
        rate: int = 25,
        ticks: Sequence[int] | None = None,
        pixels: str = "yuv420p",
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
        format: str | None = None,
    ) -> str:
        path, more = tmp_path / name, container_options or {}
        with av.open(str(path), "w", format=format, container_options=more) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.width, stream.height, stream.pix_fmt = *size, pixels
            stream.time_base = Fraction(1, rate)
            for index in range(frames):
                grey = np.full((size[1], size[0], 3), grey_of(index), dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
                frame.pts = index if ticks is None else ticks[index]
                frame.time_base = Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        if codec == "libsvtav1":
            # Root's SVT-AV1 gives the thread that calls it, and so all that this one starts, real-
            # time priority: what waits by spinning then keeps the whole machine from running.
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        return str(path)

    return write


def grey_of(index: int) -> int:
    return 20 + GREY_STEP * (index % 40)


@pytest.fixture
def frame_numbers() -> Callable[[np.ndarray], list[int]]:
    """Read back, modulo 40, which frames of such a video these pictures are."""

    def numbers(pictures: np.ndarray) -> list[int]:
        means = pictures.reshape(len(pictures), -1).mean(axis=1)
        return [round((mean - 20) / GREY_STEP) for mean in means]

    return numbers


@pytest.fixture
def read() -> Callable[..., Chunk]:
    """Read a video to its end as one chunk, checking what holds for the chunks of any video."""

    def whole(path, recipe, **options) -> Chunk:
        chunks = list(read_chunks(str(path), recipe, **options))
        assert [chunk.last is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
        assert all(len(chunk.frames) == len(chunk.segments) > 0 for chunk in chunks)
        return Chunk(
            frames=np.concatenate([chunk.frames for chunk in chunks]),
            segments=np.concatenate([chunk.segments for chunk in chunks]),
            times=np.concatenate([chunk.times for chunk in chunks]),
            last=chunks[-1].last,
        )

    return whole


@pytest.fixture
def real_videos(shared_data) -> dict[str, Path]:
    """The real files by their names in the manifest, ``folder/file``."""
    folder = shared_data / "videos"
    return {f"{path.parent.name}/{path.name}": path for path in sorted(folder.glob("*/*"))}


@pytest.fixture
def spoil() -> Callable[..., None]:
    """Overwrite the beginnings of some packets with noise, counted as they lie in the file."""

    def overwrite(path: str, numbers: Sequence[int], most: int = 160) -> None:
        content = bytearray(Path(path).read_bytes())
        with av.open(path) as container:
            packets = [p for p in container.demux(video=0) if p.size]
            for number in numbers:
                packet = bytes(packets[number])
                # A container puts headers before a packet, and MPEG-TS into it as well.
                start = content.find(packet[:16], packets[number].pos)
                assert start >= 0
                length = min(len(packet), most)
                content[start : start + length] = random.Random(number).randbytes(length)
        Path(path).write_bytes(content)

    return overwrite


@pytest.fixture
def ffmpeg() -> Callable[..., bytes]:
    """Run FFmpeg's own programs, the independent witness of what a file shows."""

    def run(program: str, *arguments: str) -> bytes:
        if shutil.which(program) is None:
            pytest.skip(f"compares with {program}, which is not installed")
        command = [program, "-v", "quiet", *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return run
