"""Memory that a video takes by its length: ten minutes, one hour, ten hours at 25 frames a second.

    python benchmarks/long_video.py

Each file is one encoded second, written again and again, and is probed and read to its end in a
process of its own; printed is that process's peak above what it held before.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import numpy as np

from extract.recipe import RECIPES
from extract.video import read_chunks

RATE = 25
HOURS = (1 / 6, 1, 10)


def write(path: str, seconds: int) -> None:
    """Write a video of so many seconds, each the same 25 pictures of 64×48."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"bf": "0", "g": str(RATE)})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        packets = []
        for index in range(RATE):
            picture = np.full((48, 64, 3), 8 * index, dtype=np.uint8)
            packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        packets += stream.encode(None)
        coded = [(bytes(packet), packet.is_keyframe) for packet in packets]
        base = packets[0].time_base
        ticks = round(1 / (RATE * base))
        for index in range(seconds * RATE):
            data, is_keyframe = coded[index % RATE]
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, base, is_keyframe
            packet.pts = packet.dts = index * ticks
            container.mux(packet)


def read(path: str, answer: multiprocessing.SimpleQueue[tuple[int, float, float]]) -> None:
    """Read a video to its end; answer with frames, seconds and the peak's growth in MiB."""
    recipe = RECIPES["centre"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    frames = sum(len(chunk.times) for chunk in read_chunks(path, recipe, decoder="pyav"))
    seconds = time.perf_counter() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer.put((frames, seconds, grown / 1024))


def main() -> None:
    """Write, read and print a line a length."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for hours in HOURS:
            path = str(Path(folder) / "long.mp4")
            write(path, round(hours * 3600))
            answer = context.SimpleQueue()
            process = context.Process(target=read, args=(path, answer))
            process.start()
            frames, seconds, grown = answer.get()
            process.join()
            line = {"hours": round(hours, 2), "frames": frames, "seconds": round(seconds, 1)}
            print(json.dumps(line | {"peak growth, MiB": round(grown, 1)}), flush=True)


if __name__ == "__main__":
    main()
