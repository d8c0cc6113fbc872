"""The page data of every scored video, made a few videos at a time."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from extract.killable import DEADLINE
from pipeline.views.report import curves
from pipeline.views.report.clocks import Clocks
from pipeline.views.report.files import DATA, ReportFiles
from pipeline.views.report.footage import PICTURES, Seen, Wanted, look, picture_times
from pipeline.views.report.incidents import incident_video, incidents_of, preview_times
from pipeline.views.report.records import (
    Footage,
    Incident,
    IncidentVideo,
    Row,
    VideoPage,
    script,
)
from pipeline.views.report.truth import TruthIndex, in_seconds
from stores.records import ScoredEvent, VideoItem, VideoScores
from stores.scores.reader import read_scores
from stores.scores.rows import ScoredVideo
from stores.scores.schema import ScoreHeader

_SPARKS = 60  # points of a sparkline, which is 160 pixels wide
_LOOKED_AT = 32  # videos whose thumbnails are made at a time


class Source(NamedTuple):
    """The file of a video that may be opened, or why none may: it holds another film, or else."""

    path: str
    refusal: str = ""
    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """What the pages of all videos have in common; ``order`` are the scored ones by their peak.

    ``sources`` are the files of the scored videos, ``previewed`` the events that get a preview, by
    video and first frame.
    """

    folder: Path
    files: ReportFiles
    header: ScoreHeader
    truth: TruthIndex
    events: Mapping[str, Sequence[ScoredEvent]]
    videos: Mapping[str, ScoredVideo]
    order: Sequence[str]
    sources: Mapping[str, Source]
    clocks: Clocks
    previewed: Set[tuple[str, int]]
    makes_copies: bool
    deadline: float = DEADLINE


class Written(NamedTuple):
    """What the other pages need of a written video; ``events`` is None where it has none."""

    row: Row
    footage: Footage
    events: IncidentVideo | None
    incidents: Sequence[Incident]


def key_of(video_id: str) -> str:
    """Return the name of a video in the report: letters and digits, whatever its id holds."""
    return hashlib.sha256(video_id.encode()).hexdigest()[:16]


def write_videos(plan: ReportPlan) -> Iterator[Written]:
    """Write the data of every scored video and yield its row; a few are in memory at a time.

    Those with events are counted in the order in which they are yielded.

    Raises:
        StoreError: Scores cannot be read, or data files not written.
    """
    items = [VideoItem(name, plan.sources[name].path) for name in plan.order]
    places = {video_id: place for place, video_id in enumerate(plan.order)}
    command = f"python -m pipeline report --scores {shlex.quote(str(plan.folder))} --proxies"
    number = count()
    for group in _grouped(read_scores(plan.folder, items)):
        wanted = [_wanted(plan, scores) for scores in group]
        found = look(plan.files, wanted, command, copy=plan.makes_copies, deadline=plan.deadline)
        for scores, seen in zip(group, found, strict=True):
            page = _page(plan, scores, seen.footage, places[scores.item.video_id])
            _write_video(plan.files, page, scores)
            yield _written(plan, scores, seen, page, number)


def _written(
    plan: ReportPlan, scores: VideoScores, seen: Seen, page: VideoPage, number: Iterator[int]
) -> Written:
    row, video = _row(plan, scores, seen.footage), plan.videos[scores.item.video_id]
    if not page.events:
        return Written(row, seen.footage, None, ())
    modified = 0 if video.content is None else video.content.modified
    clock = plan.clocks.of(video.video_id, seen.created, modified, video.seconds)
    pictured = [event.start for event in _previewed(plan, scores)]
    previews = dict(zip(pictured, seen.previews, strict=True))
    found = incidents_of(next(number), page.events, scores, page.classes, clock, previews)
    return Written(row, seen.footage, incident_video(row.key, video, clock), list(found))


def _previewed(plan: ReportPlan, scores: VideoScores) -> list[ScoredEvent]:
    name = scores.item.video_id
    return [event for event in plan.events[name] if (name, event.start) in plan.previewed]


def _wanted(plan: ReportPlan, scores: VideoScores) -> Wanted:
    item = scores.item
    end, peak = scores.times[-1], scores.times[scores.score.argmax()]
    return Wanted(
        key=key_of(item.video_id),
        path=item.path,
        times=picture_times(float(end), float(peak)),
        moments=[preview_times(event, scores) for event in _previewed(plan, scores)],
        content=plan.videos[item.video_id].content,
        refusal=plan.sources[item.video_id].refusal,
        rate=scores.rate,
    )


def _grouped(videos: Iterator[VideoScores]) -> Iterator[list[VideoScores]]:
    """Yield a few videos at a time, fewer where they are long, so that memory stays bounded."""
    group: list[VideoScores] = []
    frames = 0
    for scores in videos:
        group.append(scores)
        frames += scores.score.shape[0]
        if len(group) == _LOOKED_AT or frames > curves.PIECE_FRAMES * 4:
            yield group
            group, frames = [], 0
    if group:
        yield group


def _page(plan: ReportPlan, scores: VideoScores, footage: Footage, place: int) -> VideoPage:
    video = plan.videos[scores.item.video_id]
    before = plan.order[max(0, place - 1) : place]
    after = plan.order[place + 1 : place + 2]
    truth = plan.truth.of(replace(video, path=scores.item.path))
    return VideoPage(
        key=key_of(video.video_id),
        name=video.video_id,
        path=video.path,
        status=video.status,
        reason=video.reason,
        frames=scores.score.shape[0],
        seconds=video.seconds,
        peak=video.peak,
        classes=plan.header.classes,
        rule=plan.header.rule,
        events=sorted(plan.events[video.video_id], key=lambda event: event.start),
        truth=None if truth is None else in_seconds(truth, scores),
        footage=footage,
        clock_steps=scores.clock_steps,
        pieces=[float(time) for time in scores.times[:: curves.PIECE_FRAMES]],
        piece_frames=curves.PIECE_FRAMES,
        overview=curves.overview(scores),
        previous="".join(map(key_of, before)),
        following="".join(map(key_of, after)),
    )


def _write_video(files: ReportFiles, page: VideoPage, scores: VideoScores) -> None:
    """Write a video's data: its pieces first, that of a short one in the same file."""
    texts = [script("piece", piece, key=page.key) for piece in curves.pieces(scores)]
    text = script("video", page, key=page.key)
    if len(texts) == 1:
        text += texts.pop()
    for number, piece in enumerate(texts):
        files.commit(f"{DATA}/{page.key}-{number}.js", piece)
    files.commit(f"{DATA}/{page.key}.js", text)


def _row(plan: ReportPlan, scores: VideoScores, footage: Footage) -> Row:
    video = plan.videos[scores.item.video_id]
    return Row(
        key=key_of(video.video_id),
        name=video.video_id,
        status=video.status,
        reason=video.reason,
        peak=video.peak,
        label=video.label,
        events=video.events,
        seconds=video.seconds,
        curve=curves.sparkline(scores.score, _SPARKS),
        picture=footage.sheet,
        pictures=PICTURES,
    )
