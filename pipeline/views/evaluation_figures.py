"""The charts of a training and its evaluation, by matplotlib, each as one SVG picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.bootstrap import Band
from model.evaluation.false_alarms import AlarmPoint
from model.evaluation.metrics import Scores, Truth
from pipeline.views.video_figure import chart_text, drawing_any_script

Series = Mapping[str, tuple[Sequence[int], Sequence[float]]]
"""Steps and values by name."""

# Text stays text: the files are a tenth as large, and a page can be searched.
_STYLE = mpl.RcParams(
    {"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "charts", "axes.grid": True}
)
_BLUE, _RED = "#1f4e9c", "#c0392b"


def draw_series(series: Series, ylabel: str) -> str:
    """Return curves over training steps."""
    figure, axes = _canvas()
    for name, (steps, values) in series.items():
        axes.plot(steps, values, linewidth=1.2, label=name)
    axes.set(xlabel="step", ylabel=ylabel)
    if len(series) > 1:
        axes.legend(fontsize=7, ncols=2)
    return _svg(figure)


def draw_band(band: Band, xlabel: str, ylabel: str, chance: float | None) -> str:
    """Return a curve with its 95 % band; ``chance`` is the level of guessing, None the diagonal."""
    figure, axes = _canvas()
    axes.fill_between(band.grid, band.low, band.high, color=_BLUE, alpha=0.2, linewidth=0)
    axes.plot(band.grid, band.value, color=_BLUE)
    guessed = (0, 1) if chance is None else (chance, chance)
    axes.plot((0, 1), guessed, color="#777", linestyle="--", linewidth=0.8)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.01))
    return _svg(figure)


def draw_bars(values: Mapping[str, float], xlabel: str) -> str:
    """Return one bar a class, the highest on top."""
    figure, axes = _canvas(height=max(2.0, 0.28 * len(values) + 0.9))
    ranked = sorted(values.items(), key=lambda pair: pair[1])
    places = range(len(ranked))  # not names, of which two may look alike
    bars = axes.barh(places, [value for _, value in ranked], color=_BLUE)
    axes.set_yticks(places, [chart_text(name) for name, _ in ranked])
    axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axes.set(xlabel=xlabel, xlim=(0, 1.08))
    return _svg(figure)


def draw_confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Return the confusion of videos; colours are shares of a row, numbers are videos."""
    side = max(3.4, 0.34 * len(classes) + 1.6)
    figure, axes = _canvas(width=side + 0.6, height=side)
    table = np.asarray(counts)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    for (row, column), count in np.ndenumerate(table):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    ticks, names = range(len(classes)), [chart_text(name) for name in classes]
    axes.set_xticks(ticks, names, rotation=45, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="taken for", ylabel="true class")
    return _svg(figure)


def draw_histograms(truth: Truth, score: Scores) -> str:
    """Return how scores of normal and of anomalous frames are spread, each as shares of its own."""
    figure, axes = _canvas()
    for name, which, colour in (("normal", ~truth, _BLUE), ("anomalous", truth, _RED)):
        values, label = score[which], f"{name} frames"
        share = np.full(len(values), 1 / max(len(values), 1))
        axes.hist(values, 40, range=(0, 1), weights=share, alpha=0.55, color=colour, label=label)
    axes.set(xlabel="score", ylabel="share of frames", xlim=(0, 1), yscale="log")
    axes.legend(fontsize=8)
    return _svg(figure)


def draw_alarms(points: Sequence[AlarmPoint]) -> str:
    """Return the recall of events against the false alarms per hour that it costs."""
    figure, axes = _canvas()
    alarms = [point.false_alarms_per_hour for point in points]
    axes.plot(alarms, [point.recall for point in points], color=_BLUE, marker=".", markersize=3)
    axes.set(xlabel="false alarms per hour", ylabel="recall of events", ylim=(0, 1.03))
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    return _svg(figure)


def _canvas(width: float = 5.2, height: float = 3.4) -> tuple[Figure, Axes]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    with mpl.rc_context(_STYLE), drawing_any_script():
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
