"""What every decoder notes while it reads a video."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace

from extract.probe import VideoProbe
from stores.records import ClockStep, DecodeAudit, LostFrames

_MOST_PLACES = 100  # of lost frames, of holes, and of steps, that an audit lists


def _start(place: LostFrames) -> float:
    return place.start


@dataclass(slots=True)
class Reading:
    """Frame times, their count and what went wrong in one video so far.

    ``times`` are the seconds of frames since it was last emptied; ``error`` ended decoding early.
    """

    probe_info: VideoProbe
    decoder: str
    note: str = ""
    error: str = ""
    decoded: int = 0
    duplicates: int = 0
    times: list[float] = field(default_factory=list)
    _repaired: int = 0
    _origin: int | None = None
    _latest: float = 0.0
    _passed: int = 0  # of the announced frames, by their times
    _undecodable: list[float] = field(default_factory=list)
    _unplaced: int = 0  # of the undecodable since the latest frame
    _lost: list[LostFrames] = field(default_factory=list)
    _steps: list[ClockStep] = field(default_factory=list)

    _announced: memoryview[int] = field(init=False)  # the times of all frames, or of none
    _awaited: int | None = None  # the next of them
    _half_tick: float = 0.0

    def __post_init__(self) -> None:
        probe_info = self.probe_info
        is_timed = probe_info.timestamps.size == probe_info.frames
        # Of a memoryview numbers are read several times as quickly as of an array.
        self._announced = probe_info.timestamps[: None if is_timed else 0].data
        self._half_tick = probe_info.tick / 2
        self._origin = self._awaited = probe_info.shown_at(0) if is_timed else None

    @property
    def position(self) -> int:
        """The number of the next frame among those announced, where the file tells none apart."""
        return self._passed + self._unplaced

    def lose(self) -> None:
        """Note that the next packet could not be decoded."""
        self._unplaced += 1
        if len(self._undecodable) < 2:
            self._undecodable.append(self._latest)
        self._undecodable[-1] = self._latest

    def stamp(self, ticks: int | None) -> None:
        """Count one more frame, shown at ``ticks``.

        Times count from the first frame that is announced and increase strictly: one that is
        missing or not later than the previous is taken as one average frame later. Frames that are
        announced in between are lost.
        """
        following = self._latest + 1.0 / self.probe_info.rate if self.decoded else 0.0
        if ticks is not None and self._origin is None:
            self._origin = ticks - round(following / self.probe_info.tick)
        seconds = self._seconds(ticks)
        # Half a tick, since sums of average frames come close to times without being any.
        if seconds is None or (self.decoded and seconds - self._latest < self._half_tick):
            seconds = following
            self._repaired += 1
        self._pass_announced(ticks)
        if self.probe_info.steps:
            self._note_steps(ticks, seconds)
        self.decoded += 1
        self._latest = seconds
        self.times.append(seconds)

    def is_later(self, ticks: int | None) -> bool:
        """Return whether ``ticks`` is not a time that was shown already."""
        seconds = self._seconds(ticks)
        return seconds is None or seconds > self._latest

    def audit(self) -> DecodeAudit:
        """Return what was announced against what has been decoded."""
        notes = [self.note, self.error, self.probe_info.damage]
        if self._repaired:
            notes.append(f"{self._repaired} frame times missing or not increasing: set by the rate")
        lost = self._find_lost()
        return DecodeAudit(
            decoder=self.decoder,
            expected_frames=self.probe_info.frames,
            decoded_frames=self.decoded,
            container_seconds=self.probe_info.seconds,
            partial=bool(self.error),
            note="; ".join(filter(None, notes)),
            duplicate_frames=self.duplicates,
            shown_seconds=self._latest,
            lost_frames=sum(each.frames for each in lost),
            lost=tuple(sorted([*lost, *self.probe_info.holes[:_MOST_PLACES]], key=_start)),
            steps=tuple(self._steps),
        )

    def _seconds(self, ticks: int | None) -> float | None:
        if ticks is None or self._origin is None:
            return None
        ticks -= self._origin
        return ticks * self.probe_info.tick if ticks > 0 else 0.0

    def _pass_announced(self, ticks: int | None) -> None:
        """Find the frame that is shown at ``ticks`` among those announced, past those lost."""
        first, count = self._passed, len(self._announced)
        self._unplaced = 0
        if ticks is not None and self._awaited is not None and ticks != self._awaited:
            if ticks < self._awaited:
                return
            self._passed = bisect_left(self._announced, ticks, first)
            self._note_lost(first, self._passed)
            if self._passed == count or self._announced[self._passed] > ticks:
                self._passed -= 1
        self._passed += 1
        self._awaited = self._announced[self._passed] if self._passed < count else None

    def _note_lost(self, first: int, end: int) -> None:
        start, latest = (self._seconds(self._announced[number]) for number in (first, end - 1))
        assert start is not None
        assert latest is not None
        if len(self._lost) < _MOST_PLACES:
            self._lost.append(LostFrames(start, latest, end - first))
        else:
            frames = self._lost[-1].frames + end - first
            self._lost[-1] = replace(self._lost[-1], end=latest, frames=frames)

    def _find_lost(self) -> list[LostFrames]:
        """Return the places of the frames that were announced and not shown, once all was read."""
        if self.error:
            return self._lost  # and all that follows the error
        end = self.probe_info.frames - self.duplicates
        if len(self._announced) and self._passed < end:
            self._note_lost(self._passed, end)
            self._passed = end
        missing = end - self.decoded
        if sum(each.frames for each in self._lost) == missing:
            return self._lost
        if missing > 0 and self._undecodable:  # times do not tell which: around the bad packets
            return [LostFrames(self._undecodable[0], self._undecodable[-1], missing)]
        return []

    def _note_steps(self, ticks: int | None, seconds: float) -> None:
        """Note the steps of the clock that lie between the frame before and this one."""
        steps = self.probe_info.steps[len(self._steps) : _MOST_PLACES]
        for step in steps:
            if ticks is None or ticks < step.ticks:
                return
            self._steps.append(ClockStep(self.decoded, seconds, step.jump))
