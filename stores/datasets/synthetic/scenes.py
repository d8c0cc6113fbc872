"""Drawn footage of ordinary life: people, vehicles, trees, light, camera shake and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stores.datasets.synthetic.views import HEIGHT, WIDTH, Colour, Frame, Tree, View

_MARGIN = 60  # pixels outside the picture in which walkers and vehicles turn up and vanish
_NOISE_TILES = 6


@dataclass(frozen=True, slots=True)
class _Mover:
    """A person or vehicle that crosses the picture again and again."""

    vehicle: bool
    feet: float
    size: float
    speed: float
    phase: float
    colours: tuple[Colour, Colour]


def _draw_person(frame: Frame, person: _Mover, x: int, seconds: float) -> None:
    y, height = int(person.feet), int(person.size)
    top, legs = person.colours
    stride = float(np.sin(seconds * 2 * np.pi * abs(person.speed) / 28))
    thick, reach = max(2, height // 7), int(stride * height * 0.18)
    hip, neck, head = (y - int(share * height) for share in (0.48, 0.84, 0.93))
    cv2.line(frame, (x, hip), (x - reach, y), legs, thick)
    cv2.line(frame, (x, hip), (x + reach, y), legs, thick)
    cv2.line(frame, (x, hip), (x, neck), top, 2 * thick)
    cv2.line(frame, (x, neck + thick), (x + reach, hip), top, thick)
    cv2.circle(frame, (x, head), max(2, height // 10), (120, 150, 185), cv2.FILLED)


def _draw_vehicle(frame: Frame, vehicle: _Mover, left: int) -> None:
    """Draw a car from the side."""
    foot, length, colour = int(vehicle.feet), int(vehicle.size), vehicle.colours[0]
    height = int(0.42 * length)
    right, top, waist = left + length, foot - height, foot - height // 2
    cv2.rectangle(frame, (left, waist), (right, foot - 4), colour, cv2.FILLED)
    cabin = [(left + length // 6, waist), (left + length // 3, top)]
    cabin += [(right - length // 4, top), (right - length // 8, waist)]
    darker = tuple(int(0.6 * channel) for channel in colour)
    cv2.fillConvexPoly(frame, np.array(cabin, dtype=np.int32), darker)
    for hub in (left + length // 5, right - length // 5):
        cv2.circle(frame, (hub, foot - 4), max(3, height // 4), (25, 25, 25), cv2.FILLED)


class Scene:
    """One video's ordinary life: who moves, how the light drifts, how the camera shakes."""

    def __init__(
        self, view: View, generator: np.random.Generator, *, fps: int, frames: int
    ) -> None:
        self._view = view
        self._fps = fps
        count = int(generator.integers(3, 16))
        movers = [_draw_mover(view, generator) for _ in range(count)]
        self._movers = sorted(movers, key=lambda mover: mover.feet)
        self._light = _light(generator, frames=frames, fps=fps)
        self._shake = _shake(generator, frames=frames, fps=fps)
        self._noise = _noise_tiles(generator)
        self._tile = generator.integers(0, (_NOISE_TILES, 32, 32), size=(frames, 3))
        self._tree = Tree(generator, view.horizon)
        self._start = int(generator.integers(0, 86_400))

    def render(self, index: int, incident: Callable[[Frame], None] | None = None) -> Frame:
        """Draw frame ``index``; ``incident`` paints what is not ordinary before light and noise.

        The mean brightness is what it would be without the incident, as a camera's automatic
        exposure would have it: brightness must not give the incident away.
        """
        frame = self._view.background.copy()
        seconds = index / self._fps
        self._tree.draw(frame, index)
        for mover in self._movers:
            _move(frame, mover, seconds)
        if incident is not None:
            before = _brightness(frame)
            incident(frame)
            frame = cv2.add(frame, (before - _brightness(frame),) * 3 + (0,))
        down, right = self._shake[index]
        if down or right:
            frame = np.roll(frame, (int(down), int(right)), axis=(0, 1))
        tile, top, left = self._tile[index]
        noise = self._noise[tile, top : top + HEIGHT, left : left + WIDTH]
        frame = cv2.convertScaleAbs(frame, alpha=float(self._light[index]))
        frame = cv2.add(frame, noise, dtype=cv2.CV_8U)
        second = int(self._start + seconds)
        clock = f"CAM {second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        cv2.putText(frame, clock, (6, 14), cv2.FONT_HERSHEY_PLAIN, 0.9, (235,) * 3, 1)
        return frame


def _brightness(frame: Frame) -> float:
    return float(sum(cv2.mean(frame)) / 3)


def _draw_mover(view: View, generator: np.random.Generator) -> _Mover:
    vehicle = bool(generator.random() < 0.3)
    feet = float(generator.uniform(view.horizon + 20, HEIGHT - 6))
    near = (feet - view.horizon) / (HEIGHT - view.horizon)
    muted = generator.uniform(30, 190, size=(2, 1)) + generator.normal(0, 22, size=(2, 3))
    top, legs = muted.clip(0, 255).astype(int).tolist()
    return _Mover(
        vehicle=vehicle,
        feet=feet,
        size=(50 + 50 * near if vehicle else 28 + 42 * near) * generator.uniform(0.85, 1.15),
        speed=float(generator.choice((-1, 1)) * generator.uniform(12, 130 if vehicle else 55)),
        phase=float(generator.uniform(0, 1000)),
        colours=(tuple(top), tuple(legs)),
    )


def _move(frame: Frame, mover: _Mover, seconds: float) -> None:
    """Draw a mover where it is after ``seconds``; it turns up again on the other side."""
    x = int((mover.phase + mover.speed * seconds) % (WIDTH + 2 * _MARGIN)) - _MARGIN
    if mover.vehicle:
        _draw_vehicle(frame, mover, x)
    else:
        _draw_person(frame, mover, x, seconds)


def _light(generator: np.random.Generator, *, frames: int, fps: int) -> NDArray[np.float64]:
    """Return each frame's gain: slow drift, and lamps that switch and flicker now and then."""
    phase, period = generator.uniform(0, 6.3), generator.uniform(20, 60) * fps
    gain = 1 + 0.06 * np.sin(phase + 2 * np.pi * np.arange(frames) / period)
    gain += generator.normal(0, generator.uniform(0.002, 0.02), size=frames)  # mains flicker
    for _ in range(int(generator.integers(1, 4))):
        start = int(generator.integers(0, frames))
        stop = start + int(generator.uniform(0.3, 8) * fps)
        darker, brighter = generator.uniform(0.72, 0.9), generator.uniform(1.1, 1.3)
        gain[start:stop] *= generator.choice((darker, brighter))
    return gain


def _shake(generator: np.random.Generator, *, frames: int, fps: int) -> NDArray[np.int64]:
    """Return each frame's shift down and right in pixels: gusts of wind, still between them."""
    shift = np.zeros((frames, 2), dtype=np.int64)
    for _ in range(int(generator.integers(0, 6))):
        start = int(generator.integers(0, frames))
        stop = min(frames, start + int(generator.uniform(1, 10) * fps))
        shift[start:stop] = generator.integers(-1, 2, size=(stop - start, 2))
    return shift


def _noise_tiles(generator: np.random.Generator) -> NDArray[np.int16]:
    """Return the sensor's noise: a few tiles, larger than a frame, cut at random places."""
    shape = (_NOISE_TILES, HEIGHT + 32, WIDTH + 32, 3)
    return generator.normal(0, generator.uniform(1, 7), size=shape).astype(np.int16)
