"""Clocks that step, wrap, stand still or are missing: all frames stay, on times of the footage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest

from extract.mp4 import write_proxy
from extract.recipe import RECIPES
from extract.stills import read_stills

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
FRAMES = 60
SECOND = 90_000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
STEP = SECOND // 25

Change = Callable[[int, int], int | None]
"""The time that a packet gets, of its number in the file and the time that it should have."""


@dataclass(frozen=True)
class Fault:
    """A broken clock; ``seconds`` is the last frame's time, ``jumps`` frames and seconds."""

    change: Change
    seconds: float = (FRAMES - 1) / 25
    jumps: tuple[tuple[int, float], ...] = ()
    status: str = "ok"
    repaired: bool = False


def stepping(**jumps: int) -> Change:
    """Return a clock that jumps at some packets: ``at30=DAY``."""
    places = {int(place[2:]): jump for place, jump in jumps.items()}
    return lambda n, time: time + sum(jump for at, jump in places.items() if n >= at)


def lone(number: int, jump: int) -> Change:
    """Return a clock that is wrong for one packet."""
    return lambda n, time: time + jump * (n == number)


FAULTS = {
    "a day ahead": Fault(stepping(at30=DAY), jumps=((30, 86_400),), status="mismatch"),
    "an hour back": Fault(
        stepping(at0=2 * HOUR, at30=-HOUR), jumps=((30, -3600),), status="mismatch"
    ),
    "an hour back to before the start": Fault(
        stepping(at0=HOUR, at30=-HOUR), jumps=((30, -3600),), status="mismatch"
    ),
    "a minute ahead": Fault(stepping(at30=60 * SECOND), jumps=((30, 60),), status="mismatch"),
    "20 s back": Fault(
        stepping(at0=HOUR, at30=-20 * SECOND), jumps=((30, -20),), status="mismatch"
    ),
    "ahead and back": Fault(
        stepping(at20=DAY, at40=-DAY), jumps=((20, 86_400), (40, -86_400)), status="mismatch"
    ),
    "one frame a day ahead": Fault(
        lone(30, DAY), jumps=((30, 86_400), (31, -86_400)), status="mismatch"
    ),
    "in the first second": Fault(stepping(at3=HOUR), jumps=((3, 3600),), status="mismatch"),
    "at the last frame": Fault(stepping(at59=HOUR), jumps=((59, 3600),), status="mismatch"),
    "at every tenth frame": Fault(
        stepping(**{f"at{n}": HOUR for n in range(10, FRAMES, 10)}),
        jumps=tuple((n, 3600) for n in range(10, FRAMES, 10)),
        status="mismatch",
    ),
    "a wrap of 33 bits": Fault(stepping(at0=(1 << 33) - 40 * STEP)),
    "half a second back": Fault(stepping(at0=HOUR, at30=-12 * STEP), repaired=True),
    "a pause of 5 s": Fault(
        stepping(at30=5 * SECOND), seconds=(FRAMES - 1) / 25 + 5, status="mismatch"
    ),
    "standing still": Fault(lambda n, time: time - STEP * (n - 30) * (30 <= n < 40), repaired=True),
    "some times missing": Fault(lambda n, time: None if n % 7 == 3 else time),
    "no time but the first": Fault(lambda n, time: None if n else time, status="mismatch"),
    "pairs in wrong order": Fault(
        lambda n, time: time + STEP * ((n % 10 == 4) - (n % 10 == 5)), repaired=True
    ),
}


@pytest.fixture
def write_clock(write_video) -> Callable[..., str]:
    """Write MPEG-TS and change the time stamps of its packets, by number and stamp."""

    def write(change: Change, *, name: str = "clock.ts", **options) -> str:
        path = Path(write_video(name, frames=FRAMES, **{"options": {"bf": "0"}} | options))
        content = bytearray(path.read_bytes())
        for number, start in enumerate(_headers(content)):
            for place in range(start + 9, start + 9 + content[start + 8], 5):
                time = change(number, _ticks(content[place : place + 5]))
                if time is None:
                    content[start + 7] &= 0x3F  # neither time
                    content[place : place + 5] = b"\xff" * 5
                else:
                    content[place : place + 5] = _stamp(content[place] >> 4, time)
        path.write_bytes(content)
        return str(path)

    return write


def _headers(content: bytearray) -> Iterator[int]:
    """Yield where each PES header of the video begins (ISO/IEC 13818-1, 2.4.3.6)."""
    for start in range(0, len(content), 188):
        if content[start + 1] == 0x41 and content[start + 2] == 0:
            extra = 1 + content[start + 4] if content[start + 3] & 0x20 else 0
            yield start + 4 + extra


def _ticks(stamp: bytes) -> int:
    high, middle, low = stamp[0] >> 1 & 7, int.from_bytes(stamp[1:3], "big"), stamp[3:5]
    return high << 30 | middle >> 1 << 15 | int.from_bytes(low, "big") >> 1


def _stamp(kind: int, ticks: int) -> bytes:
    ticks %= 1 << 33
    words = [ticks >> 15 & 0x7FFF, ticks & 0x7FFF]
    return bytes([kind << 4 | ticks >> 30 << 1 | 1]) + b"".join(
        (word << 1 | 1).to_bytes(2, "big") for word in words
    )


@pytest.mark.parametrize(
    ("name", "reordered"),
    # What is confused twice is in no known order.
    [(name, False) for name in FAULTS] + [(n, True) for n, f in FAULTS.items() if not f.repaired],
)
def test_all_frames_stay_and_times_are_those_of_shown_footage(
    write_clock, frame_numbers, read, name, reordered
):
    fault = FAULTS[name]
    path = write_clock(fault.change, options={"bf": "2" if reordered else "0"})
    whole = read(path, EVERY)
    audit = whole.last
    assert count_frames(path) == audit.decoded_frames == audit.expected_frames == FRAMES
    assert frame_numbers(whole.frames) == [number % 40 for number in range(FRAMES)]
    assert audit.lost_frames == 0
    assert np.diff(whole.times).min() > 0.001
    assert whole.times[-1] == pytest.approx(fault.seconds, abs=0.05 if fault.repaired else 0.001)
    assert [jump for _, jump in fault.jumps] == pytest.approx(
        [s.jump for s in audit.steps], abs=0.2
    )
    if not reordered:
        assert [(step.frame, round(step.seconds * 25)) for step in audit.steps] == [
            (frame, frame) for frame, _ in fault.jumps
        ]
    assert audit.status == fault.status
    assert audit.mismatch.startswith("the clock steps " if fault.jumps else "")
    if not reordered:
        is_set = fault.repaired or "time" in name
        assert ("set by the rate" in audit.note) == is_set


def count_frames(path: str) -> int:
    """Count frames by a loop of its own."""
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize("name", FAULTS)
def test_as_many_frames_are_read_as_ffmpeg_decodes(write_clock, ffmpeg, name):
    path = write_clock(FAULTS[name].change)
    sizes = ffmpeg("ffmpeg", "-i", path, "-fps_mode", "passthrough", "-f", "framecrc", "-")
    rows = [row for row in sizes.decode().splitlines() if not row.startswith("#")]
    assert len(rows) == count_frames(path) == FRAMES


def test_a_time_far_from_its_decoding_is_none(write_clock, read):
    """Of a packet's two times one is nonsense: only frames that are decoded ahead have both."""

    def spoiled(number: int, time: int) -> int:
        spoiled.seen = seen = getattr(spoiled, "seen", 0) + 1
        return time + DAY if seen == 40 else time

    whole = read(write_clock(spoiled, options={"bf": "2"}), EVERY)
    assert whole.last.decoded_frames == FRAMES
    assert whole.times[-1] == pytest.approx(2.36, abs=0.05)


@pytest.mark.parametrize(("back", "expected"), [(3600, True), (0, False)])
def test_matroska_may_pause_but_not_go_back(write_video, read, back, expected):
    """Its clusters have the clock, and a recorder that sets it writes the next ones anew."""
    ticks = [90_000 + number + 1000 * (number >= 30) for number in range(FRAMES)]
    path = Path(
        write_video(
            "clock.mkv",
            frames=FRAMES,
            ticks=ticks,
            options={"bf": "0", "g": "10"},
            container_options={"cluster_time_limit": "400"},
        )
    )
    content = bytearray(path.read_bytes())
    place = content.find(b"\xe7\x83")
    while place >= 0:
        time = int.from_bytes(content[place + 2 : place + 5], "big")
        if time > 3_620_000:
            content[place + 2 : place + 5] = (time - 1000 * back).to_bytes(3, "big")
        place = content.find(b"\xe7\x83", place + 5)
    path.write_bytes(content)
    whole = read(str(path), EVERY)
    assert whole.last.decoded_frames == FRAMES
    assert whole.last.lost_frames == 0
    assert whole.times[-1] == pytest.approx(2.36 if expected else 42.36, abs=0.01)
    assert [step.jump for step in whole.last.steps] == ([pytest.approx(40 - back)] * expected)


def test_flash_video_steps_as_broadcasts_do(write_video, read):
    path = Path(write_video("clock.flv", frames=FRAMES, options={"bf": "0"}))
    content = bytearray(path.read_bytes())
    place = 13  # behind the header; then tags of 11 bytes, their content and their size
    while place + 11 < len(content):
        size = int.from_bytes(content[place + 1 : place + 4], "big")
        time = int.from_bytes(content[place + 4 : place + 7], "big")
        if time >= 1200:
            content[place + 4 : place + 7] = (time + 3_600_000).to_bytes(3, "big")
        place += 11 + size + 4
    path.write_bytes(content)
    whole = read(str(path), EVERY)
    assert whole.times[-1] == pytest.approx(2.36, abs=0.002)
    (step,) = whole.last.steps
    assert (step.frame, step.jump) == (30, pytest.approx(3600, abs=0.1))


def test_mp4_shows_a_frame_for_as_long_as_it_says(write_video, read):
    ticks = [number + 500 * (number >= 30) for number in range(FRAMES)]
    whole = read(write_video(frames=FRAMES, ticks=ticks), EVERY)
    assert whole.times == pytest.approx(np.array(ticks) / 25)
    assert whole.last.mismatch == ""


@pytest.mark.parametrize("name", ["a day ahead", "an hour back", "ahead and back"])
@pytest.mark.parametrize("exact", [True, False])
def test_pictures_and_copies_have_the_times_of_the_scores(write_clock, tmp_path, name, exact):
    path = write_clock(FAULTS[name].change)
    stills = read_stills(path, [0.4, 0.96, 1.48], height=24, exact=exact)
    greys = np.stack(stills).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(greys, [20 + 5 * 10, 20 + 5 * 24, 20 + 5 * 37], atol=2.5)
    write_proxy(path, tmp_path / "copy.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(FRAMES) / 25, atol=0.001)
