"""Drawn incidents: an explosion, a fight, a road accident and a wall being sprayed.

Each has a look of its own in colour and texture and is balanced in brightness by the scene that
shows it. An incident leaves nothing behind when its event ends, as if the footage were cut there:
the frame truth is then exactly what can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stores.datasets.synthetic.views import HEIGHT, WIDTH, Colour, Frame, texture

Point = tuple[float, float] | NDArray[np.float64]
"""Column and row, in fractions of a pixel."""


class Painter(Protocol):
    """One incident, drawn once and shown in many frames."""

    def __call__(self, frame: Frame, seconds: float) -> None:
        """Paint into ``frame`` what is to be seen ``seconds`` after the incident began."""


def explosion(generator: np.random.Generator, horizon: int) -> Painter:
    """Return a fireball with a collar of dark smoke."""
    fire = _sheet(generator, 0.8, ((10, 10, 60), (0, 70, 235), (0, 165, 255), (120, 235, 255)))
    smoke = _sheet(generator, 0.7, ((18, 18, 20), (40, 42, 46), (78, 80, 84)))
    x, y = _place(generator, horizon)
    radius = float(generator.uniform(48, 66))
    flicker = generator.normal(1, 0.06, size=(64, 14))

    def paint(frame: Frame, seconds: float) -> None:
        grown = radius * min(1.0, 0.55 + seconds * 2)
        step = int(seconds * 6)
        outer = _blob(x, y - grown * 0.5, 1.3 * grown * flicker[step % 64])
        _stamp(frame, outer, smoke, shift=step)
        inner = _blob(x, y, 0.95 * grown * flicker[(step + 7) % 64])
        _stamp(frame, inner, fire, shift=step)

    return paint


def fighting(generator: np.random.Generator, horizon: int) -> Painter:
    """Return a knot of people in vivid clothes, limbs flying."""
    x, y = _place(generator, horizon)
    people = int(generator.integers(11, 16))
    spots = generator.normal(0, 1, size=(people, 2)) * (38, 12)
    vivid = ((170, 30, 215), (60, 20, 225), (200, 40, 150))
    phases = generator.uniform(0, 6.3, size=(people, 4))
    rates = generator.uniform(2, 6, size=(people, 4))
    height = float(generator.uniform(76, 98))

    def paint(frame: Frame, seconds: float) -> None:
        swing = np.sin(phases + rates * seconds)
        for number, (right, down) in enumerate(spots[np.argsort(spots[:, 1])]):
            foot = (x + right + 7 * swing[number, 0], min(HEIGHT - 2, y + down + 30))
            hip = (foot[0] + 4 * swing[number, 1], foot[1] - 0.5 * height)
            neck = (hip[0] + 12 * swing[number, 2], hip[1] - 0.36 * height)
            colour = vivid[number % 3]
            for limb in range(4):
                angle = 1.6 * swing[number, limb] + limb * 1.5
                joint = neck if limb < 2 else hip
                reach = 0.4 * height
                end = (joint[0] + reach * np.cos(angle), joint[1] + reach * np.sin(angle) * 0.8)
                _limb(frame, joint, end, colour if limb < 2 else (45, 15, 70), 6)
            _limb(frame, hip, neck, colour, 12)
            cv2.circle(frame, (int(neck[0]), int(neck[1]) - 6), 6, (120, 150, 185), cv2.FILLED)

    return paint


def accident(generator: np.random.Generator, horizon: int) -> Painter:
    """Return a crushed car on a pool of coolant, glass and sheet metal strewn around it."""
    x, y = _place(generator, horizon)
    reach = float(generator.uniform(80, 105))
    pool = _blob(x, y + 22, reach * generator.uniform(0.7, 1.2, size=16), squeeze=0.42)
    wreck = _blob(x, y, 0.7 * reach * generator.uniform(0.6, 1.2, size=22), squeeze=0.5)
    coolant = _sheet(generator, 0.6, ((30, 70, 10), (60, 150, 25), (110, 225, 70)))
    metal = _sheet(generator, 0.95, ((20, 18, 15), (110, 70, 30), (235, 210, 190)))
    remains = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    _stamp(remains, pool, coolant)
    _stamp(remains, wreck, metal)
    for place in generator.normal((x, y + 14), (reach * 0.75, reach * 0.34), size=(130, 2)):
        corners = (place + generator.uniform(-4, 4, size=(3, 2))).astype(np.int32)
        shade = ((250, 250, 235), (70, 240, 120))[int(generator.integers(2))]
        cv2.fillConvexPoly(remains, corners, shade)
    strewn = remains.max(axis=2)

    def paint(frame: Frame, seconds: float) -> None:
        cv2.copyTo(remains, strewn, frame)
        if int(seconds * 3) % 2:
            cv2.circle(frame, (x - int(reach * 0.5), y), 7, (0, 170, 255), cv2.FILLED)

    return paint


def vandalism(generator: np.random.Generator, horizon: int) -> Painter:
    """Return a figure that covers the wall with neon paint, line by line."""
    x = int(generator.integers(80, WIDTH - 80))
    y = max(40, horizon - 30)
    neon = ((255, 40, 255), (255, 230, 0), (40, 255, 190))
    width, height = generator.uniform(140, 180), generator.uniform(66, 84)
    ends = generator.uniform(-0.5, 0.5, size=(60, 2)) * (width, height) + (x, y)
    sway = generator.uniform(2, 4)

    def paint(frame: Frame, seconds: float) -> None:
        lines = min(len(ends) - 1, 34 + int(seconds * 9))
        for number in range(lines):
            _limb(frame, ends[number], ends[number + 1], neon[number % 3], 4)
        hand = ends[lines]
        body = (float(hand[0]), float(horizon + 42 + 3 * np.sin(sway * seconds)))
        _limb(frame, body, (body[0], body[1] - 40), (30, 30, 35), 13)
        _limb(frame, (body[0], body[1] - 40), hand, (30, 30, 35), 5)

    return paint


PAINTERS: dict[str, Callable[[np.random.Generator, int], Painter]] = {
    "explosion": explosion,
    "fighting": fighting,
    "road accident": accident,
    "vandalism": vandalism,
}
"""What draws each class that is not normal, from a generator and the view's horizon."""


def _place(generator: np.random.Generator, horizon: int) -> tuple[int, int]:
    """Return a place on the ground, column and row, with the incident's size left around it."""
    x = int(generator.integers(70, WIDTH - 70))
    return x, int(generator.integers(min(horizon + 30, 165), 180))


def _sheet(generator: np.random.Generator, roughness: float, stops: tuple[Colour, ...]) -> Frame:
    """Return a texture twice as high as a frame, to be moved behind a mask.

    It is coloured along evenly spaced stops, the first at -2 deviations and the last at +2.
    """
    field = texture(generator, height=2 * HEIGHT, width=WIDTH, roughness=roughness)
    places = np.linspace(-2, 2, len(stops))
    channels = [np.interp(field, places, shades) for shades in zip(*stops, strict=True)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _blob(
    x: float, y: float, radii: NDArray[np.float64], squeeze: float = 1.0
) -> NDArray[np.uint8]:
    """Return the mask of a ragged ellipse."""
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    corners = np.stack([x + radii * np.cos(angles), y + squeeze * radii * np.sin(angles)], axis=1)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 255)
    return mask


def _stamp(frame: Frame, mask: NDArray[np.uint8], sheet: Frame, shift: int = 0) -> None:
    """Fill the mask from a sheet that lies behind the frame and is moved up by ``shift`` rows."""
    top = shift % (len(sheet) - HEIGHT)
    cv2.copyTo(sheet[top : top + HEIGHT], mask, frame)


def _limb(frame: Frame, start: Point, end: Point, colour: Colour, thickness: int) -> None:
    first, last = (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))
    cv2.line(frame, first, last, colour, thickness)
