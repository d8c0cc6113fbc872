"""How fast each way of reading a video is on one core, and how much memory it takes.

    python benchmarks/decode.py                      # generated clips, about 2 minutes
    python benchmarks/decode.py --source camera.mp4  # the same clips cut from a real video
    python benchmarks/decode.py --memory             # the memory of every way, not of auto alone
    python benchmarks/decode.py --quick              # short clips and two turns

Prints a table and, last, one line of JSON. Ways: ``bare`` is libavcodec through PyAV without any
conversion, the others are ``read_chunks`` with that decoder, and ``auto`` the one of them that it
takes for the clip. The ways take turns at a clip in one process pinned to one core, after one turn
for nothing; medians count, and a share is the median of each turn's. Rates are source frames a
second of processor time, which other work on the machine does not disturb. Memory is measured in a
process of its own for each way and clip: ``peak`` is that over the imports, ``stalled`` the same
where the reader pauses for a moment after its first chunk, as a full queue makes it do.
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
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import av
import psutil
from clips import repeat, write_clip
from measuring import Figure, finish

from extract.container import DecodeError
from extract.probe import probe
from extract.recipe import RECIPES, FrameChoice
from extract.video import choose_decoder, read_chunks

WAYS = ("bare", "pyav", "decord")
CHOICES: tuple[FrameChoice, ...] = ("middle", "mean16")
SIZES = ("320x240", "640x480", "1280x720", "1920x1080")
CODECS = ("libx264", "libx265", "mpeg4")
CLIP_PIXELS = 100_000_000
"""Of all frames of a clip together, at most 900 of them. Fewer are put end to end three times:
opening and probing a file takes as long as a dozen large frames, and videos are long."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of reading one clip: source frames a CPU second, share of bare's, memory in MB."""

    size: str
    codec: str
    frames: FrameChoice
    way: str
    frames_per_second: float
    of_bare: float
    memory: tuple[float, float] | None
    """Peak, and stalled; None where it was not measured."""
    refused: str = ""


def parse() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", help="a real video to cut the clips from")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=[*SIZES[:1], *SIZES[2:]])
    parser.add_argument("--frames", nargs="+", choices=CHOICES, default=["middle"])
    parser.add_argument("--codecs", nargs="+", choices=CODECS, default=CODECS)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    parser.add_argument("--memory", action="store_true", help="of every way, not of auto alone")
    parser.add_argument("--files", type=int, default=600, help="read one after another")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--turns", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--held", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--many", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.source:
        try:
            probe(options.source)
        except DecodeError as error:
            parser.error(str(error))
    return options


def main() -> None:
    """Measure every way and print the table and the JSON line."""
    options = parse()
    if options.many:
        print(json.dumps(_memory_over(options.many, options.files)))
        return
    if options.turns:
        print(json.dumps(_take_turns(*options.turns, rounds=options.rounds)))
        return
    if options.held:
        print(json.dumps(_memory_held(*options.held)))
        return
    rounds, share = (2, 0.4) if options.quick else (options.rounds, 1.0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for size, codec in product(options.sizes, options.codecs):
            width, height = (int(side) for side in size.split("x"))
            count = min(900, int(share * CLIP_PIXELS / (width * height)))
            clip = str(Path(folder) / f"{size}-{codec}.mp4")
            once = Path(folder) / "once.mp4"
            write_clip(str(once), codec, options.source, (width, height), count)
            repeat(once, Path(clip), 1 if count == 900 else 3)
            once.unlink()
            for frames in options.frames:
                found = _compare(size, frames, clip, rounds=rounds, memory=options.memory)
                rows += [replace(row, codec=codec) for row in found]
        clips = [str(clip) for clip in Path(folder).glob("*.mp4")]
        first, last = _child("--many", *clips, "--files", str(options.files))
    _print_table(rows)
    figures = [
        Figure(
            f"decode: auto, {row.size} {row.codec}, {row.frames}, of bare decoding",
            row.of_bare,
            "",
            at_least=0.8 if row.frames == "middle" else None,
        )
        for row in rows
        if row.way == "auto"
    ]
    most = max(row.memory[0] for row in rows if row.way == "auto" and row.memory)
    figures.append(Figure("decode: auto, peak memory over imports", most, "MB", at_most=200))
    name = f"decode: memory after {options.files} files over that after"
    figures.append(Figure(f"{name} {options.files // 10}", last - first, "MB", at_most=10))
    settings = vars(options) | {"rounds": rounds, "rows": [asdict(row) for row in rows]}
    finish("decode", settings, figures)


def _compare(size: str, frames: FrameChoice, clip: str, *, rounds: int, memory: bool) -> list[Row]:
    rates: dict[str, list[float] | str] = _child("--turns", frames, clip, "--rounds", str(rounds))
    bare = [float(rate) for rate in rates["bare"]]
    recipe = replace(RECIPES["vadclip"], frames=frames)
    rates["auto"] = rates[choose_decoder(probe(clip), recipe)]
    rows = []
    for way, found in rates.items():
        if isinstance(found, str):
            rows.append(Row(size, "", frames, way, 0.0, 0.0, None, refused=found))
            continue
        of_bare = statistics.median(rate / plain for rate, plain in zip(found, bare, strict=True))
        held = _child("--held", way, frames, clip) if memory or way == "auto" else None
        rows.append(Row(size, "", frames, way, statistics.median(found), of_bare, held))
    return rows


def _child(*arguments: str) -> Any:
    """Return what this script prints in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _pin() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _take_turns(frames: FrameChoice, clip: str, *, rounds: int) -> dict[str, list[float] | str]:
    """Return each way's rates in its turns, or why it refuses the clip."""
    _pin()
    rates: dict[str, list[float] | str] = {}
    for way in WAYS:
        refused = _refusal(way, frames, clip)  # what is done once a process is not the clip's
        rates[way] = refused or []
    for _ in range(rounds):
        for way, found in rates.items():
            if isinstance(found, list):
                start = time.process_time()
                count = _read(way, frames, clip)
                found.append(count / (time.process_time() - start))
    return rates


def _refusal(way: str, frames: FrameChoice, clip: str) -> str:
    """Read a clip for nothing; return why it cannot be read this way, or nothing."""
    try:
        _read(way, frames, clip)
    except DecodeError as error:
        return str(error).removeprefix(f"{clip}: ")
    return ""


def _memory_held(way: str, frames: FrameChoice, clip: str) -> tuple[float, float]:
    """Return the MB over those of the imports, at full speed and with a pause."""
    _pin()
    imports = _peak_mb()
    _read(way, frames, clip)
    peak = _peak_mb()
    _read(way, frames, clip, pause=0.3)
    return peak - imports, _peak_mb() - imports


def _read(way: str, frames: FrameChoice, clip: str, pause: float = 0.0) -> int:
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


def _print_table(rows: list[Row]) -> None:
    print(
        f"{'size':>10}  {'codec':8} {'frames':8} {'way':8} {'frames/s':>9} {'of bare':>8} "
        f"{'peak MB':>8} {'stalled MB':>11}"
    )
    for row in rows:
        values = f"{row.frames_per_second:9.0f} {row.of_bare:8.2f}"
        if row.memory:
            values += f" {row.memory[0]:8.0f} {row.memory[1]:11.0f}"
        shown = f"refused: {row.refused}" if row.refused else values
        print(f"{row.size:>10}  {row.codec:8} {row.frames:8} {row.way:8} {shown}")


if __name__ == "__main__":
    main()
