"""What every decoder notes while it reads a video."""

from __future__ import annotations

from dataclasses import dataclass, field

from extract.probe import VideoProbe
from stores.records import DecodeAudit


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

    def stamp(self, ticks: int | None) -> None:
        """Count one more frame, shown at ``ticks``.

        Times count from the first frame and increase strictly: one that is missing or not later
        than the previous is taken as one average frame later.
        """
        following = self._latest + 1.0 / self.probe_info.rate if self.decoded else 0.0
        if ticks is not None and self._origin is None:
            self._origin = ticks - round(following / self.probe_info.tick)
        seconds = self._seconds(ticks)
        if seconds is None or (self.decoded and seconds <= self._latest):
            seconds = following
            self._repaired += 1
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
        return DecodeAudit(
            decoder=self.decoder,
            expected_frames=self.probe_info.frames,
            decoded_frames=self.decoded,
            container_seconds=self.probe_info.seconds,
            partial=bool(self.error),
            note="; ".join(filter(None, notes)),
            duplicate_frames=self.duplicates,
            shown_seconds=self._latest,
        )

    def _seconds(self, ticks: int | None) -> float | None:
        if ticks is None or self._origin is None:
            return None
        return (ticks - self._origin) * self.probe_info.tick
