"""The clock of a stream's packets: where it steps, times go on as if it had not.

Recorders set their clock, lose a signal or join files, and then times jump by hours although the
film goes on. What is scored is the film: its times are those of shown footage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from extract.container import frame_rate

LONGEST_PAUSE = 10.0
"""Seconds between two packets from which on containers of broadcasting have a clock that stepped:
FFmpeg's own threshold (``-dts_delta_threshold``). In the others a frame may be shown for longer."""

LONGEST_SETBACK = 1.0
"""Seconds by which times may go back unnoticed: packets lie in another order than they are shown,
and careless writers confuse some."""

_TS_DISCONT = 0x200
"""FFmpeg's flag of containers whose clocks may step, AVFMT_TS_DISCONT; PyAV gives but the sum."""

_WRAP = 1 << 33
"""Ticks after which the clocks of MPEG-TS and MPEG-PS begin anew: 26.5 hours."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where a clock stepped: from ``ticks`` on, which go on evenly, by so many seconds."""

    ticks: int
    jump: float


@dataclass(slots=True)
class Clock:
    """Follows one stream's packets in the order in which they lie in the file."""

    tick: float
    even_step: int
    may_pause: bool
    wraps: bool
    steps: list[Step] = field(default_factory=list)
    _offset: int = 0
    _latest: int | None = None
    _earliest: int = 0  # of the next packet's time, in ticks from the latest
    _farthest: float = math.inf

    def __post_init__(self) -> None:
        self._earliest = -round(LONGEST_SETBACK / self.tick)
        if not self.may_pause:
            self._farthest = round(LONGEST_PAUSE / self.tick)

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream) -> Clock:
        """Return the clock of a stream that was just opened."""
        tick, name = float(stream.time_base or 1), container.format.name
        return cls(
            tick=tick,
            even_step=max(1, round(1 / (frame_rate(stream) * tick))),
            may_pause=not (container.format.flags & _TS_DISCONT or name == "flv"),
            wraps=name in ("mpegts", "mpeg"),
        )

    def follow(self, packet: av.Packet) -> None:
        """Bring the next packet's times onto the clock that goes on evenly."""
        stored = packet.dts
        if stored is not None:
            latest, time = self._latest, stored + self._offset
            if latest is not None:
                if self._earliest <= time - latest <= self._farthest:
                    if time > latest:
                        self.even_step = time - latest
                else:
                    time = latest + self.even_step
                    self._step(stored, time)
            self._latest = time
            if self._offset:
                packet.dts = time
        if (self._offset or not self.may_pause) and packet.pts is not None:
            self._place(packet)

    def _step(self, stored: int, expected: int) -> None:
        """Go on at ``expected``, and note by how much the clock went elsewhere."""
        awaited = expected - self._offset
        self._offset = expected - stored
        jump = stored - awaited
        if self.wraps:
            # FFmpeg takes times before the first for later ones; the file itself says this.
            jump = stored % _WRAP - awaited % _WRAP
            if (_WRAP - abs(jump)) * self.tick <= LONGEST_PAUSE:
                return
        self.steps.append(Step(expected, jump * self.tick))

    def _place(self, packet: av.Packet) -> None:
        shown = packet.pts + self._offset
        decoded = shown if self._latest is None or self.may_pause else self._latest
        # Nothing is decoded so long before it is shown: such a time is none.
        is_none = abs(shown - decoded) * self.tick > LONGEST_PAUSE
        if is_none or self._offset:
            packet.pts = None if is_none else shown
