"""The report of a folder of scores: an index, a page a video, and the data files they load.

Everything lies in ``report/`` beside the scores and opens from disk. Data files are replaced one by
one and the index last, so that a report is readable at any moment.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.settings import ReportRun
from pipeline.views.report.footage import COPIES, SHEETS
from pipeline.views.report.origin import find_origin
from pipeline.views.report.records import Index, Row, script
from pipeline.views.report.truth import find_truth
from pipeline.views.report.videos import DATA, Job, key_of, write_videos
from stores.files.commit import commit_bytes, commit_text, exclusive
from stores.files.locations import is_remote
from stores.records import ScoredEvent, StoreError
from stores.scores.parts import folder_header
from stores.scores.reader import ScoredVideo, read_events, read_videos

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


def write_report(run: ReportRun) -> ReportPages:
    """Write ``report/`` beside the scores and return what it holds.

    Raises:
        StoreError: There are no scores, or they cannot be read, or the report not written.
    """
    folder = run.scores or latest_scores(run.out)
    if is_remote(folder):
        raise StoreError(f"pages are written to this machine alone; copy {folder} here first")
    videos = {video.video_id: video for video in _ranked(read_videos(folder))}
    if not videos:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    events: defaultdict[str, list[ScoredEvent]] = defaultdict(list)
    for video_id, event in read_events(folder):
        events[video_id].append(event)
    job = Job(
        folder=folder,
        report=folder / "report",
        header=folder_header(folder),
        truth=find_truth(run, folder),
        events=events,
        videos=videos,
        order=[video.video_id for video in videos.values() if video.status != "failed"],
        makes_copies=run.proxies,
    )
    with exclusive(job.report):
        _copy_assets(job.report)
        rows: dict[str, Row] = {}
        gone = unplayed = 0
        for row, footage in write_videos(job):
            rows[row.name] = row
            gone += not footage.addresses
            unplayed += bool(footage.command)
        for video in videos.values():
            rows.setdefault(video.video_id, _unscored(video))
        _write_index(job, [rows[video_id] for video_id in videos])
        _clear_others(job.report, list(rows.values()))
    return ReportPages(job.report / "index.html", len(videos), gone, unplayed)


def latest_scores(out: Path) -> Path:
    """Return the folder of scores that was written last below ``out``.

    Raises:
        StoreError: There is none.
    """
    parts = [*out.glob("scores/*/videos/*.parquet"), *out.glob("*/evaluation/videos/*.parquet")]
    if not parts:
        raise StoreError(f"no scores below {out}; run `make score` or `make evaluate` first")
    return max(parts, key=lambda path: path.stat().st_mtime).parent.parent


def _ranked(videos: Sequence[ScoredVideo]) -> list[ScoredVideo]:
    """Return each video once, the highest peak first; a failure that was made good is dropped."""
    chosen: dict[str, ScoredVideo] = {}
    for video in videos:
        if video.video_id not in chosen or video.status != "failed":
            chosen[video.video_id] = video
    return sorted(chosen.values(), key=lambda v: (v.status == "failed", -v.peak, v.video_id))


def _unscored(video: ScoredVideo) -> Row:
    return Row(
        key=key_of(video.video_id),
        name=video.video_id,
        status=video.status,
        reason=video.reason,
        peak=0.0,
        label="",
        events=0,
        seconds=video.seconds,
        curve=[],
        picture="",
        pictures=0,
    )


def _copy_assets(report: Path) -> None:
    for source in _files(_ASSETS):
        name = source.relative_to(_ASSETS)
        if name.name not in _PAGES:
            commit_bytes(report / "assets" / name, source.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _write_index(job: Job, rows: list[Row]) -> None:
    index = Index(
        title=job.folder.absolute().name,
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        classes=job.header.classes,
        threshold=job.header.rule.threshold,
        rows=rows,
        sections=find_origin(job.folder, job.header),
    )
    commit_text(job.report / DATA / "index.js", script("index", index))
    for name in reversed(_PAGES):  # the index last: it leads to all the others
        page = (_ASSETS / name).read_text(encoding="utf-8")
        commit_text(job.report / name, page.replace(_TITLE, html.escape(index.title)))


def _clear_others(report: Path, rows: Sequence[Row]) -> None:
    """Remove what an earlier report left of videos, or states of videos, that are no more."""
    keys = {row.key for row in rows}
    sheets = {row.picture for row in rows}
    for path in _files(report / DATA):
        if path.name != "index.js" and path.stem.partition("-")[0] not in keys:
            path.unlink()
    for path in _files(report / SHEETS):
        if path.name not in sheets:
            path.unlink()
    for path in _files(report / COPIES):
        if path.stem not in keys:
            path.unlink()
