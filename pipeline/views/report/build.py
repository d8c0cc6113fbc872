"""The report of a folder of scores: an index, a page a video, and the data files they load.

Everything lies in ``report/`` beside the scores and opens from disk. Data files are replaced one by
one and the index last, so that a report is readable at any moment.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.outputs import Outputs
from pipeline.views.report.footage import CHANGED, COPIES, NOT_SCORED, SHEETS
from pipeline.views.report.origin import find_origin
from pipeline.views.report.records import Index, Row, script
from pipeline.views.report.truth import find_truth
from pipeline.views.report.videos import DATA, ReportPlan, key_of, write_videos
from stores.files.commit import commit_bytes, commit_text, exclusive
from stores.files.content import was_replaced
from stores.files.locations import is_remote, is_url
from stores.records import ScoredEvent, StoreError
from stores.scores.parts import folder_header
from stores.scores.reader import read_events, read_videos
from stores.scores.schema import ScoredVideo

if TYPE_CHECKING:
    from pipeline.commands.report import ReportRun

_ASSETS = Path(__file__).parent / "assets"
_PAGES = "index.html", "video.html"
_TITLE = "{{title}}"  # in a page's source, where the name of the folder of scores goes


@dataclass(frozen=True, slots=True)
class ReportPages:
    """A written report: its first page, and how many videos cannot be seen in it and why."""

    page: Path
    videos: int
    gone: int
    unplayed: int
    changed: int


def write_report(run: ReportRun) -> ReportPages:
    """Write ``report/`` beside the scores and return what it holds.

    Raises:
        StoreError: There are no scores, or they cannot be read, or the report not written.
    """
    folder = run.scores or Outputs(run.out).latest_scores()
    if is_remote(folder):
        raise StoreError(f"pages are written to this machine alone; copy {folder} here first")
    videos = {video.video_id: video for video in _ranked(map(_compared, read_videos(folder)))}
    if not videos:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    events: defaultdict[str, list[ScoredEvent]] = defaultdict(list)
    for video_id, event in read_events(folder):
        events[video_id].append(event)
    plan = ReportPlan(
        folder=folder,
        report=folder / "report",
        header=folder_header(folder),
        truth=find_truth(run, folder),
        events=events,
        videos=videos,
        order=[video.video_id for video in videos.values() if video.status != "failed"],
        makes_copies=run.proxies,
    )
    with exclusive(plan.report):
        _copy_assets(plan.report)
        rows: dict[str, Row] = {}
        copies: set[str] = set()
        gone = unplayed = 0
        for row, footage in write_videos(plan):
            rows[row.name] = row
            gone += not footage.addresses and row.status != CHANGED
            unplayed += bool(footage.command)
            copies |= {Path(each).name for each in footage.addresses if footage.is_copy}
        for name, v in videos.items():
            if name not in rows:
                rows[name] = Row(key_of(name), name, v.status, v.reason, seconds=v.seconds)
        _write_index(plan, [rows[name] for name in videos])
        _clear_others(plan.report, rows.values(), copies)
    changed = sum(video.status == CHANGED for video in videos.values())
    return ReportPages(plan.report / "index.html", len(videos), gone, unplayed, changed)


def _ranked(videos: Iterable[ScoredVideo]) -> list[ScoredVideo]:
    """Return the videos, the highest peak first and failures last."""
    return sorted(videos, key=lambda v: (v.status == "failed", -v.peak, v.video_id))


def _compared(video: ScoredVideo) -> ScoredVideo:
    """Return a row, marked as ``changed`` where another film lies now where the scored one lay."""
    has_no_film = video.status == "failed" or is_url(video.path)
    if has_no_film or not was_replaced(video.path, video.content):
        return video
    return replace(video, status=CHANGED, reason=f"{NOT_SCORED}; score it again")


def _copy_assets(report: Path) -> None:
    for source in _files(_ASSETS):
        name = source.relative_to(_ASSETS)
        if name.name not in _PAGES:
            commit_bytes(report / "assets" / name, source.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _write_index(plan: ReportPlan, rows: list[Row]) -> None:
    index = Index(
        title=plan.folder.absolute().name,
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        classes=plan.header.classes,
        threshold=plan.header.rule.threshold,
        rows=rows,
        sections=find_origin(plan.folder, plan.header),
    )
    commit_text(plan.report / DATA / "index.js", script("index", index))
    for name in reversed(_PAGES):  # the index last: it leads to all the others
        page = (_ASSETS / name).read_text(encoding="utf-8")
        commit_text(plan.report / name, page.replace(_TITLE, html.escape(index.title)))


def _clear_others(report: Path, rows: Iterable[Row], copies: Container[str]) -> None:
    """Remove what an earlier report left of videos, or states of videos, that are no more."""
    keys, sheets = {row.key for row in rows}, {row.picture for row in rows}
    outdated = [
        *(p for p in _files(report / DATA) if p.stem.partition("-")[0] not in keys | {"index"}),
        *(p for p in _files(report / SHEETS) if p.name not in sheets),
        *(p for p in _files(report / COPIES) if p.name not in copies),
    ]
    for path in outdated:
        path.unlink()
