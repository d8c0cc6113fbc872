"""A page to look at: the score curve of every video, its events, and what failed.

Pictures by matplotlib, one page of HTML that opens from disk without a server or the internet.
"""

from __future__ import annotations

import html
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.settings import ReportRun
from stores.commit import commit_text, committing
from stores.events import ScoredEvent
from stores.records import StoreError, VideoItem, VideoScores
from stores.results import ScoredVideo, read_events, read_scores, read_videos

_POINTS = 2000  # of a curve: more than the picture has columns

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #222; background: #fff }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .25rem .6rem }
tr { border-bottom: 1px solid #ccc } td.n, th.n { text-align: right }
img { max-width: 100% } section { margin: 2rem 0 } .failed { color: #a00 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 }
  a { color: #8bf } img { background: #fff } .failed { color: #f88 } }
"""


def write_report(run: ReportRun) -> Path:
    """Write ``report/index.html`` beside the scores and return its path.

    Raises:
        StoreError: There are no scores, or they cannot be read, or the page not written.
    """
    folder = run.scores or latest_scores(run.out)
    videos = sorted(read_videos(folder), key=lambda video: -video.peak)
    if not videos:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    found: dict[str, list[ScoredEvent]] = defaultdict(list)
    for video_id, event in read_events(folder):
        found[video_id].append(event)
    sections = []
    for number, video in enumerate(videos):
        if video.status == "failed":
            continue
        item = VideoItem(video.video_id, video.path)
        picture = f"{number:04d}.png"
        scores = read_scores(folder, [item])[video.video_id]
        events = sorted(found[video.video_id], key=lambda event: event.start)
        _draw(folder / "report" / picture, scores, events)
        sections.append(_section(video, events, picture))
    page = folder / "report" / "index.html"
    commit_text(page, _page(folder.name, videos, sections))
    return page


def latest_scores(out: Path) -> Path:
    """Return the folder of scores that was written last below ``out``.

    Raises:
        StoreError: There is none.
    """
    parts = [*out.glob("scores/*/videos/*.parquet"), *out.glob("*/evaluation/videos/*.parquet")]
    if not parts:
        raise StoreError(f"no scores below {out}; run `make score` or `make evaluate` first")
    return max(parts, key=lambda path: path.stat().st_mtime).parent.parent


def _draw(path: Path, scores: VideoScores, events: list[ScoredEvent]) -> None:
    """Draw the curve and shade the events; a curve too dense keeps the highest point of a bin."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9, 1.8), layout="constrained")
        axes = figure.add_subplot()
        times, values = _thin(scores.times, scores.score)
        axes.plot(times, values, linewidth=1.2, color="#1f4e9c")
        for event in events:
            axes.axvspan(event.start_time, event.end_time, color="#d62728", alpha=0.2)
        axes.set(xlim=(0, max(float(scores.times[-1]), 0.04)), ylim=(0, 1.03), xlabel="seconds")
        axes.set_ylabel("score")
        with committing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110)


def _thin(
    times: NDArray[np.float64], values: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    step = -(-len(values) // _POINTS)
    starts = np.arange(0, len(values), step)
    return times[starts], np.maximum.reduceat(values, starts)


def _section(video: ScoredVideo, events: list[ScoredEvent], picture: str) -> str:
    name = html.escape(video.video_id)
    rows = "".join(
        f'<tr><td class="n">{event.start_time:.1f}</td><td class="n">{event.end_time:.1f}</td>'
        f'<td>{html.escape(event.label)}</td><td class="n">{event.peak:.2f}</td></tr>'
        for event in events
    )
    head = '<tr><th class="n">from, s</th><th class="n">to, s</th><th>class</th>'
    table = f'<table>{head}<th class="n">peak</th></tr>{rows}</table>' if events else ""
    return (
        f'<section id="{name}"><h2>{name}</h2>'
        f'<img src="{picture}" loading="lazy" alt="anomaly score of {name} over time">'
        f"{table}</section>"
    )


def _page(title: str, videos: list[ScoredVideo], sections: list[str]) -> str:
    rows = "".join(_row(video) for video in videos)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Scores of {html.escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>Scores of {html.escape(title)}</h1>"
        '<table><tr><th>video</th><th>status</th><th class="n">seconds</th>'
        '<th class="n">peak</th><th>class</th><th class="n">events</th></tr>'
        f"{rows}</table>{''.join(sections)}</html>\n"
    )


def _row(video: ScoredVideo) -> str:
    name = html.escape(video.video_id)
    if video.status == "failed":
        reason = html.escape(video.reason)
        return f'<tr class="failed"><td>{name}</td><td colspan="5">failed: {reason}</td></tr>'
    note = f" ({html.escape(video.reason)})" if video.reason else ""
    return (
        f'<tr><td><a href="#{name}">{name}</a></td><td>{video.status}{note}</td>'
        f'<td class="n">{video.seconds:.1f}</td><td class="n">{video.peak:.2f}</td>'
        f'<td>{html.escape(video.label)}</td><td class="n">{video.events}</td></tr>'
    )
