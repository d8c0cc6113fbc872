"""The report of a folder of scores: incidents, videos, a page a video, and the data they load.

Everything lies in ``report/`` beside the scores and opens from disk. Data files are replaced one by
one and the index last, so that a report is readable at any moment.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.outputs import Outputs
from pipeline.stages.cautions import cautions_of
from pipeline.views.banner import banner
from pipeline.views.report.clocks import Clocks
from pipeline.views.report.files import ASSETS, DATA, ReportFiles
from pipeline.views.report.incidents import TILES, strongest
from pipeline.views.report.origin import find_origin, remark_on
from pipeline.views.report.records import Incident, Incidents, IncidentVideo, Index, Row, script
from pipeline.views.report.truth import find_truth
from pipeline.views.report.videos import ReportPlan, Source, key_of, write_videos
from stores.files.commit import exclusive
from stores.files.locations import is_remote
from stores.files.roots import ReplacedError, Roots, recorded_roots
from stores.records import ScoredEvent, StoreError
from stores.scores.parts import folder_header
from stores.scores.reader import read_events, read_videos
from stores.scores.rows import ScoredVideo

if TYPE_CHECKING:
    from pipeline.commands.report import ReportRun

_ASSETS = Path(__file__).parent / "assets"
_PAGES = "incidents.html", "videos.html", "video.html"
_CHANGED = "changed"  # of a video, in place of the status that it was scored with
_TITLE = "{{title}}"  # in a page's source, where the name of the folder of scores goes
_BANNER = "{{banner}}"  # where what has to be said of the scores goes


@dataclass(frozen=True, slots=True)
class ReportPages:
    """A written report: its first page, and how many videos cannot be seen in it and why.

    ``cautions`` is what has to be said of the scores, as the pages say it above all else.
    """

    page: Path
    videos: int
    gone: int
    refused: int
    unplayed: int
    changed: int
    cautions: tuple[str, ...] = ()


def write_report(run: ReportRun) -> ReportPages:
    """Write ``report/`` beside the scores and return what it holds.

    Raises:
        StoreError: There are no scores, or they cannot be read, or the report not written, or it
            lies behind a link.
        ValueError: There is no such time zone, or a pattern is none.
    """
    folder = run.scores or Outputs(run.out).latest_scores()
    clocks = Clocks(run.time_zone, run.name_times, run.camera)
    if is_remote(folder):
        raise StoreError(f"pages are written to this machine alone; copy {folder} here first")
    videos = {video.video_id: video for video in _ranked(read_videos(folder))}
    if not videos:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    events: defaultdict[str, list[ScoredEvent]] = defaultdict(list)
    for video_id, event in read_events(folder):
        events[video_id].append(event)
    order = [video.video_id for video in videos.values() if video.status != "failed"]
    roots = Roots(run.videos or run.root, recorded_roots(folder))
    sources = {name: _source(roots, videos[name]) for name in order}
    changed = [name for name in order if sources[name].is_replaced]
    for name in changed:
        videos[name] = replace(videos[name], status=_CHANGED, reason=sources[name].refusal)
    with exclusive(folder / "report", folder):
        plan = ReportPlan(
            folder=folder,
            files=ReportFiles(folder / "report"),
            header=folder_header(folder),
            truth=find_truth(run, folder),
            events=events,
            videos=videos,
            order=order,
            sources=sources,
            clocks=clocks,
            previewed=strongest(events, run.previews),
            makes_copies=run.proxies,
            deadline=run.deadline,
        )
        _copy_assets(plan.files)
        rows: dict[str, Row] = {}
        happened: list[IncidentVideo] = []
        incidents: list[Incident] = []
        gone = refused = unplayed = 0
        for row, footage, with_events, found in write_videos(plan):
            rows[row.name] = row
            incidents += found
            if with_events is not None:
                happened.append(with_events)
            refused += bool(videos[row.name].path and sources[row.name].refusal)
            gone += not (footage.addresses or footage.sheet)  # folders of images have no address
            unplayed += bool(footage.command)
        for name, v in videos.items():
            if name not in rows:
                rows[name] = Row(key_of(name), name, v.status, v.reason, seconds=v.seconds)
        _write_pages(plan, [rows[name] for name in videos], happened, incidents)
        plan.files.remove_others()
    page = plan.files.folder / "index.html"
    return ReportPages(
        page=page,
        videos=len(videos),
        gone=gone - refused,
        refused=refused - len(changed),
        unplayed=unplayed,
        changed=len(changed),
        cautions=cautions_of(plan.header),
    )


def _source(roots: Roots, video: ScoredVideo) -> Source:
    try:
        return Source(roots.find(video.video_id, video.path, video.content))
    except StoreError as error:
        return Source("", str(error), isinstance(error, ReplacedError))


def _ranked(videos: Iterable[ScoredVideo]) -> list[ScoredVideo]:
    """Return the videos, the highest peak first and failures last."""
    return sorted(videos, key=lambda v: (v.status == "failed", -v.peak, v.video_id))


def _copy_assets(files: ReportFiles) -> None:
    for source in sorted(path for path in _ASSETS.rglob("*") if path.is_file()):
        if source.name not in _PAGES:
            name = source.relative_to(_ASSETS).as_posix()
            files.commit(f"{ASSETS}/{name}", source.read_bytes())


def _write_pages(
    plan: ReportPlan, rows: list[Row], happened: list[IncidentVideo], incidents: list[Incident]
) -> None:
    title, header = plan.folder.absolute().name, plan.header
    listed = Incidents(
        title=title,
        model=header.model_fingerprint,
        classes=header.classes,
        threshold=header.rule.threshold,
        tiles=TILES,
        videos=happened,
        incidents=sorted(incidents, key=lambda each: -each.peak),
    )
    index = Index(
        title=title,
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        classes=header.classes,
        threshold=header.rule.threshold,
        rows=rows,
        sections=find_origin(plan.folder, header),
    )
    plan.files.commit(f"{DATA}/index.js", script("index", index))
    plan.files.commit(f"{DATA}/incidents.js", script("incidents", listed))
    said = banner((*filter(None, [remark_on(plan.folder)]), *cautions_of(header)))
    # The first page last: it leads to all the others.
    pages = {"video.html": "video.html", "videos.html": "videos.html"}
    pages["index.html"] = "incidents.html" if incidents else "videos.html"
    for name, source in pages.items():
        page = (_ASSETS / source).read_text(encoding="utf-8").replace(_BANNER, said)
        plan.files.commit(name, page.replace(_TITLE, html.escape(title)))
