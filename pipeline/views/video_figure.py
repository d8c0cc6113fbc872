"""The picture of a scored video: curve, threshold, events by class, and stills above it.

Matplotlib without its global state, so that it works in any thread and notebook.
"""

from __future__ import annotations

import colorsys
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stores.files.commit import commit_bytes
from stores.files.names import one_line
from stores.records import EventRule, ScoredEvent, VideoScores

LONGEST = 24
"""Characters of a class in a chart: of more the curves would have no room."""

_POINTS = 2000  # of a curve: more than the picture has columns


def draw_video(
    scores: VideoScores,
    events: Sequence[ScoredEvent],
    classes: Sequence[str],
    rule: EventRule,
    stills: Sequence[NDArray[np.uint8]] = (),
) -> Figure:
    """Return the picture of one video; ``stills`` are spread evenly over its duration."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, 3.9 if stills else 2.6), layout="constrained", dpi=120)
        figure.suptitle(chart_text(scores.item.video_id, 80), fontsize=10)
        rows, heights = (2, (1, 2)) if stills else (1, None)
        grid = figure.add_gridspec(rows, max(len(stills), 1), height_ratios=heights)
        for column, still in enumerate(stills):
            place = figure.add_subplot(grid[0, column])
            place.imshow(still)
            place.set_axis_off()
        axes = figure.add_subplot(grid[-1, :])
        times, values = thin(scores.times, scores.score)
        axes.plot(times, values, linewidth=1.2, color="#1f4e9c")
        axes.axhline(rule.threshold, linewidth=0.8, linestyle="--", color="#555")
        seen = dict.fromkeys(event.label for event in events)
        for event in events:
            colour = class_colour(classes, event.label)
            axes.axvspan(event.start_time, event.end_time, color=colour, alpha=0.3)
        for label in seen:
            axes.fill_between(
                [], [], color=class_colour(classes, label), alpha=0.3, label=chart_text(label)
            )
        if seen:
            axes.legend(loc="upper right", fontsize=8, ncols=min(len(seen), 4))
        end = max(float(scores.times[-1]), 0.04)
        text = f"threshold {rule.threshold:.2f}"
        axes.annotate(text, (end, rule.threshold), ha="right", va="bottom")
        axes.set(xlim=(0, end), ylim=(0, 1.03), xlabel="seconds", ylabel="score")
    return figure


def chart_text(name: str, longest: int = LONGEST) -> str:
    r"""Return a user's name as matplotlib has to be given it to draw it as it is.

    It is one line of at most ``longest`` characters; no ``$`` begins a formula, and no ``_`` in
    front hides it from a legend.
    """
    line = one_line(name)
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return ("\u200b" if line.startswith("_") else "") + line.replace("$", r"\$")


def class_colour(classes: Sequence[str], label: str) -> tuple[float, float, float]:
    """Return the colour of a class, red, green and blue in [0, 1]: that of the report's pages.

    As in their ``classColour``: hues a golden angle apart, so that many classes stay distinct.
    """
    hue = (12 + (classes.index(label) - 1) * 137.508) % 360
    return colorsys.hls_to_rgb(round(hue) / 360, 0.45, 0.62)


def thin(
    times: NDArray[np.float64], values: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return a curve of at most 2,000 points; a denser one keeps the highest of each stretch."""
    step = -(-len(values) // _POINTS)
    starts = np.arange(0, len(values), step)
    return times[starts], np.maximum.reduceat(values, starts)


@contextmanager
def drawing_any_script() -> Iterator[None]:
    """Let a letter that the font lacks be drawn as a box, without a line on standard error each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings(
            "ignore", message="Matplotlib currently does not support .* natively"
        )
        yield


def to_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with drawing_any_script():
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def save_png(figure: Figure, path: Path, below: Path | None = None) -> None:
    """Commit a figure as a PNG file; ``below`` and errors as in ``committing``."""
    commit_bytes(path, to_png(figure), below)
