"""Drawn camera views: what stands still before a camera, and the tree that does not.

Everything comes from the numpy generators handed in: the same generator draws the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 240
"""Size of every drawn frame in pixels: that of UCF-Crime's videos."""

Frame = NDArray[np.uint8]
"""A picture [240,320,3] in OpenCV's channel order, blue first."""

Colour = tuple[int, int, int]
"""Blue, green and red, 0 to 255."""


@dataclass(frozen=True, slots=True)
class View:
    """A camera's fixed picture, and the row below which people and vehicles move."""

    background: Frame
    horizon: int


def texture(
    generator: np.random.Generator, *, height: int, width: int, roughness: float = 0.5
) -> NDArray[np.float32]:
    """Return smooth noise [height,width] of mean 0 and deviation about 1.

    ``roughness`` in (0, 1) is the share that each octave has of the one twice as coarse.
    """
    field = np.zeros((height, width), dtype=np.float32)
    weight = 1.0
    for cells in (4, 8, 16, 32, 64):
        rough = generator.normal(size=(cells, cells)).astype(np.float32)
        field += weight * cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR)
        weight *= roughness
    return (field - field.mean()) / (field.std() + 1e-6)


def draw_view(generator: np.random.Generator) -> View:
    """Draw one camera's background: a wall with windows and signs over a textured ground."""
    horizon = int(generator.integers(70, 120))
    canvas = np.empty((HEIGHT, WIDTH, 3), dtype=np.float32)
    for rows in (slice(0, horizon), slice(horizon, HEIGHT)):
        base = generator.uniform(95, 140) + generator.normal(0, 3, size=3)
        height, roughness = rows.stop - rows.start, generator.uniform(0.55, 0.75)
        grain = texture(generator, height=height, width=WIDTH, roughness=roughness)
        canvas[rows] = base + generator.uniform(6, 11) * grain[..., None]
    picture = canvas.clip(0, 255).astype(np.uint8)
    _draw_wall(picture, horizon, generator)
    _draw_ground(picture, horizon, generator)
    return View(background=picture, horizon=horizon)


def _draw_wall(picture: Frame, horizon: int, generator: np.random.Generator) -> None:
    """Put windows in a row and one or two coloured signs on the wall."""
    shade = int(generator.uniform(30, 90))
    step = int(generator.integers(34, 60))
    for left in range(int(generator.integers(4, 20)), WIDTH - 24, step):
        corner = (left, horizon - 52)
        cv2.rectangle(picture, corner, (left + step // 2, horizon - 26), (shade,) * 3, cv2.FILLED)
    for _ in range(int(generator.integers(1, 3))):  # colour as such must not give an incident away
        left = int(generator.integers(0, WIDTH - 50))
        colour = tuple(int(c) for c in generator.uniform(70, 150, size=3))
        corner = (left + int(generator.integers(24, 50)), 34)
        cv2.rectangle(picture, (left, 22), corner, colour, cv2.FILLED)


def _draw_ground(picture: Frame, horizon: int, generator: np.random.Generator) -> None:
    """Mark the ground with lanes or tiles."""
    light = int(generator.uniform(150, 210))
    if generator.random() < 0.5:
        row = (horizon + HEIGHT) // 2
        for left in range(0, WIDTH, 40):
            cv2.line(picture, (left, row), (left + 20, row), (light,) * 3, 2)
        return
    middle, vanishing = int(generator.integers(60, WIDTH - 60)), horizon - 30
    for foot in range(-200, WIDTH + 200, int(generator.integers(30, 60))):
        x = middle + (foot - middle) * (horizon - vanishing) // (HEIGHT - vanishing)
        cv2.line(picture, (x, horizon), (foot, HEIGHT), (light - 60,) * 3, 1)


class Tree:
    """Leaves in the wind: much motion that means nothing."""

    def __init__(self, generator: np.random.Generator, horizon: int) -> None:
        """Draw anything from a shrub to a crown that fills a quarter of the view."""
        height, width = int(generator.uniform(10, 110)), int(generator.uniform(20, 160))
        self._left = int(generator.integers(0, WIDTH - width))
        self._top = min(HEIGHT, horizon + height // 2) - height
        contrast = generator.uniform(4, 40)
        speckle = generator.normal(0, contrast, size=(height + 14, width + 14)).astype(np.float32)
        leaves = cv2.GaussianBlur(speckle, (0, 0), 1.2)[..., None] * 2 + (62, 84, 70)
        self._leaves: Frame = leaves.clip(0, 255).astype(np.uint8)
        self._size = height, width

    def draw(self, frame: Frame, index: int) -> None:
        """Draw the tree into frame ``index`` as the wind moves it."""
        right, down = int(7 + 7 * np.sin(index * 0.9)), int(7 + 7 * np.sin(index * 0.53))
        height, width = self._size
        leaves = self._leaves[down : down + height, right : right + width]
        frame[self._top : self._top + height, self._left : self._left + width] = leaves
