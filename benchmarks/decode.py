"""How fast each way of reading a video is on one core, and how much memory it takes.

    python benchmarks/decode.py                      # generated clips, about 2 minutes
    python benchmarks/decode.py --source camera.mp4  # the same clips cut from a real video
    python benchmarks/decode.py --quick              # one short round, under 30 seconds

Prints a table and, last, one line of JSON. Ways: ``bare`` is libavcodec through PyAV without any
conversion, the others are ``read_chunks`` with that decoder. Each run has a process of its own
pinned to one core, reads a clip once for nothing and then five times; medians count. Rates are
source frames a second of processor time, which other work on the machine does not disturb.
``peak`` is the memory over that of the imports, ``stalled`` the same where the reader pauses for a
moment after its first chunk, as a full queue makes it do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
from measuring import Figure, finish
from numpy.typing import NDArray

from extract.container import DecodeError
from extract.recipe import RECIPES, FrameChoice
from extract.video import read_chunks

WAYS = ("bare", "pyav", "decord", "auto")
CHOICES: tuple[FrameChoice, ...] = ("middle", "mean16")
CLIP_PIXELS = 100_000_000
"""Of all frames of a clip together, at most 900 of them."""

REPEATS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One way of reading one clip: source frames a CPU second, memory in MB."""

    size: str
    codec: str
    frames: FrameChoice
    way: str
    frames_per_second: float
    peak_mb: float
    stalled_mb: float
    refused: str = ""


def main() -> None:
    """Measure every way and print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", help="a real video to cut the clips from")
    parser.add_argument("--sizes", nargs="+", default=["320x240", "1280x720", "1920x1080"])
    parser.add_argument("--frames", nargs="+", choices=CHOICES, default=["middle"])
    parser.add_argument("--codecs", nargs="+", default=["libx264", "libx265", "mpeg4"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--files", type=int, default=600, help="read one after another")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--many", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.many:
        print(json.dumps(_memory_over(options.many, options.files)))
        return
    if options.child:
        way, frames, clip, pause = options.child
        print(json.dumps(_measure(way, frames, clip, float(pause))))
        return
    rounds, share, pause = (1, 0.4, 0.2) if options.quick else (options.rounds, 1.0, 0.3)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for size, codec in product(options.sizes, options.codecs):
            width, height = (int(side) for side in size.split("x"))
            count = min(900, int(share * CLIP_PIXELS / (width * height)))
            clip = str(Path(folder) / f"{size}-{codec}.mp4")
            _write_clip(clip, codec, options.source, (width, height), count)
            for frames in options.frames:
                found = _compare(size, frames, clip, rounds=rounds, pause=pause)
                rows += [replace(row, codec=codec) for row in found]
        clips = [str(clip) for clip in Path(folder).glob("*.mp4")]
        command = [sys.executable, __file__, "--many", *clips, "--files", str(options.files)]
        many = subprocess.run(command, check=True, capture_output=True, text=True)
    _print_table(rows)
    bare = {(r.size, r.codec, r.frames): r.frames_per_second for r in rows if r.way == "bare"}
    figures = [
        Figure(
            f"decode: auto, {row.size} {row.codec}, {row.frames}, of bare decoding",
            row.frames_per_second / bare[row.size, row.codec, row.frames],
            "",
            at_least=0.8 if row.frames == "middle" else None,
        )
        for row in rows
        if row.way == "auto"
    ]
    most = max(row.peak_mb for row in rows if row.way == "auto")
    figures.append(Figure("decode: auto, peak memory over imports", most, "MB", at_most=200))
    first, last = json.loads(many.stdout)
    name = f"decode: memory after {options.files} files over that after"
    figures.append(Figure(f"{name} {options.files // 10}", last - first, "MB", at_most=10))
    settings = vars(options) | {"rounds": rounds, "rows": [asdict(row) for row in rows]}
    finish("decode", settings, figures)


def _compare(size: str, frames: FrameChoice, clip: str, *, rounds: int, pause: float) -> list[Row]:
    found: dict[str, list[dict[str, float | str]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--child", way, frames, clip, str(pause)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            found[way].append(json.loads(answer.stdout))

    def median(way: str, key: str) -> float:
        return round(statistics.median(float(run[key]) for run in found[way]), 1)

    return [
        Row(
            size=size,
            codec="",
            frames=frames,
            way=way,
            frames_per_second=median(way, "rate"),
            peak_mb=median(way, "peak"),
            stalled_mb=median(way, "stalled"),
            refused=str(found[way][0]["refused"]),
        )
        for way in WAYS
    ]


def _measure(way: str, frames: FrameChoice, clip: str, pause: float) -> dict[str, float | str]:
    """Read ``clip`` once at full speed and once with a pause; the numbers of this process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    imports = _peak_mb()
    try:
        _read(way, frames, clip, pause=0.0)  # what is done once a process is not the clip's
        peak = _peak_mb()
        rates = []
        for _ in range(REPEATS):
            start = time.process_time()
            count = _read(way, frames, clip, pause=0.0)
            rates.append(count / (time.process_time() - start))
        _read(way, frames, clip, pause=pause)
    except DecodeError as error:
        reason = str(error).removeprefix(f"{clip}: ")
        return {"rate": 0.0, "peak": 0.0, "stalled": 0.0, "refused": reason}
    stalled = _peak_mb()
    return {
        "rate": statistics.median(rates),
        "peak": peak - imports,
        "stalled": stalled - imports,
        "refused": "",
    }


def _read(way: str, frames: FrameChoice, clip: str, pause: float) -> int:
    count = 0
    if way == "bare":
        with av.open(clip) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            return sum(1 for _ in container.decode(stream))
    recipe = replace(RECIPES["vadclip"], frames=frames)
    # Chunks so short that the pause falls into the reading of the shortest clip.
    for chunk in read_chunks(clip, recipe, decoder=way, chunk_frames=2):  # type: ignore[arg-type]  # from WAYS
        if count == 0:
            time.sleep(pause)
        count += chunk.times.size
    return count


def _memory_over(clips: list[str], files: int) -> tuple[float, float]:
    """Return the memory in MB after a tenth of so many files and after all."""
    process = psutil.Process()
    first = 0.0
    for number in range(files):
        recipe = replace(RECIPES["vadclip"], frames="middle")
        chunks = read_chunks(clips[number % len(clips)], recipe, chunk_frames=2)
        next(chunks)
        chunks.close()  # type: ignore[attr-defined]  # a generator, which is typed as an iterator
        if number + 1 == files // 10:
            first = process.memory_info().rss / 1e6
    return first, process.memory_info().rss / 1e6


def _peak_mb() -> float:
    """Return this process's peak resident memory; Linux's rusage would count its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return float(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes


def _write_clip(
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


def _print_table(rows: list[Row]) -> None:
    print(
        f"{'size':>10}  {'codec':8} {'frames':8} {'way':8} {'frames/s':>9} {'peak MB':>8} "
        f"{'stalled MB':>11}"
    )
    for row in rows:
        values = f"{row.frames_per_second:9.0f} {row.peak_mb:8.0f} {row.stalled_mb:11.0f}"
        shown = f"refused: {row.refused}" if row.refused else values
        print(f"{row.size:>10}  {row.codec:8} {row.frames:8} {row.way:8} {shown}")


if __name__ == "__main__":
    main()
