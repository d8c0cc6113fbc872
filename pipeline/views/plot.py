"""Pictures of a scored video without a browser: a PNG, and an MP4 with the scores burnt in."""

from __future__ import annotations

import difflib
import hashlib
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extract.container import DecodeError
from extract.killable import DEADLINE, killable
from extract.stills import read_stills
from pipeline.outputs import Outputs
from pipeline.views.overlay import write_overlay
from pipeline.views.video_figure import draw_video, save_png
from stores.files.roots import Roots, recorded_roots
from stores.records import StoreError, VideoItem, VideoScores
from stores.scores.parts import folder_header
from stores.scores.reader import read_events, read_scores, read_videos
from stores.scores.rows import ScoredVideo

if TYPE_CHECKING:
    from pipeline.commands.plot import PlotRun

logger = logging.getLogger(__name__)

_LONGEST_NAME = 200  # bytes: disks take 255, and one that is being written has a longer name
_STILLS = 8
_STILL_HEIGHT = 120


def plot(run: PlotRun) -> Path:
    """Draw one scored video, with ``overlay`` also its copy with scores burnt in; return the PNG.

    Raises:
        StoreError: No scores, no such video or one that failed, or a file that is not writable.
        ValueError: The overlay's name does not end in .mp4.
        DecodeError: The overlay's video cannot be read.
    """
    if run.overlay is not None and run.overlay.suffix.lower() != ".mp4":
        raise ValueError(f"--overlay writes MP4; give a name that ends in .mp4, not {run.overlay}")
    folder = run.scores or Outputs(run.out).latest_scores()
    video = _choose_video(read_videos(folder), run.video, folder)
    item = VideoItem(video.video_id, _file_of(video, folder, run))
    header = folder_header(folder)
    (scores,) = read_scores(folder, [item])
    events = [event for video_id, event in read_events(folder) if video_id == video.video_id]
    events.sort(key=lambda event: event.start)
    picture = run.png or folder / "plots" / _file_name(video.video_id)
    stills = stills_of(scores, run.deadline) if item.path else []
    figure = draw_video(scores, events, header.classes, header.rule, stills)
    save_png(figure, picture, folder if run.png is None else None)
    if run.overlay is not None:
        write_overlay(run.overlay, scores, events, header.rule, deadline=run.deadline)
    return picture


def _file_of(video: ScoredVideo, folder: Path, run: PlotRun) -> str:
    """Return the file of a video; '', with a warning, where none may be opened for a picture."""
    try:
        roots = Roots(run.videos, recorded_roots(folder))
        return roots.find(video.video_id, video.path, video.content)
    except StoreError as error:
        if run.overlay is not None:
            raise
        logger.warning("without thumbnails: %s", error)
        return ""


def _file_name(video_id: str) -> str:
    """Return the name of a video's picture: a digest where its own is too long for a disk."""
    name = re.sub(r"[^\w.-]+", "_", f"{video_id}.png")
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"{hashlib.sha256(video_id.encode()).hexdigest()[:16]}.png"


def _choose_video(videos: Sequence[ScoredVideo], name: str, folder: Path) -> ScoredVideo:
    """Return the scored video that a name means: its id, its path, or the end of either."""
    if not videos:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    exact = [v for v in videos if name in (v.video_id, v.path)]
    ending = [v for v in videos if v.video_id.endswith(name) or Path(v.path).stem == name]
    found = exact or ending
    if not found:
        near = difflib.get_close_matches(name, [v.video_id for v in videos], n=3, cutoff=0.3)
        hint = f"; perhaps {', '.join(near)}" if near else ""
        raise StoreError(f"no video {name} in {folder}{hint}; `report` lists all there are")
    if len(found) > 1:
        names = ", ".join(v.video_id for v in found[:5])
        raise StoreError(f"{name} means {len(found)} videos of {folder} ({names}); give more of it")
    if found[0].status == "failed":
        raise StoreError(f"{found[0].video_id} has no scores: {found[0].reason}")
    return found[0]


def stills_of(scores: VideoScores, deadline: float = DEADLINE) -> list[NDArray[np.uint8]]:
    """Return pictures spread evenly over a video; none, with a warning, where it is unreadable."""
    end = float(scores.times[-1])
    times = [(number + 0.5) * end / _STILLS for number in range(_STILLS)]
    try:
        return killable(
            read_stills, scores.item.path, times, _STILL_HEIGHT, scores.rate, deadline=deadline
        )
    except DecodeError as error:
        logger.warning("without thumbnails: %s", error)
        return []
