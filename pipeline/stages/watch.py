"""A folder watched: videos are scored as they are finished, by workers that stay.

What is scored is what the Parquet says, so a watcher that was killed takes up where it ended, and
`score` on the same folder finds its work done.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from pipeline.console import console, metering
from pipeline.engine.cluster import running_cluster
from pipeline.engine.driver import Crew
from pipeline.engine.shard_worker import StageSettings, pack_jobs
from pipeline.outputs import require_positive, require_sane, write_settings
from pipeline.settings import WatchRun
from pipeline.stages.score import default_folder, score_sink
from pipeline.stages.scoring_plan import settle_scoring
from stores.files.commit import exclusive
from stores.files.names import printable
from stores.files.scan import find_videos, refuse_other_files
from stores.records import StoreError, VideoItem
from stores.scores.reader import ScoredVideo, prepare, rows_in
from stores.scores.writer import failure_name, part_name

Signature = tuple[int, int]
"""A file's size and date of change: equal ones stand for equal contents."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a watch came to; ``stopped`` says that somebody ended it."""

    folder: Path
    new: int
    already: int
    failed: int
    stopped: bool


@dataclass(slots=True)
class Settling:
    """The files that wait until they are finished: unchanged for ``seconds``, as seen by us.

    Dates alone would not do: a file's date may be set by another machine's clock, or kept by
    whoever moves it here.
    """

    seconds: float
    _seen: dict[str, tuple[Signature, float]] = field(default_factory=dict)

    def finished(self, files: Mapping[str, Signature], now: float) -> list[str]:
        """Return which of the files that are there now are finished, at a steady clock's time."""
        self._seen = {
            name: (mark, self._seen[name][1])
            if name in self._seen and self._seen[name][0] == mark
            else (mark, now)
            for name, mark in files.items()
        }
        return [name for name, (_, since) in self._seen.items() if now - since >= self.seconds]


@dataclass(slots=True)
class _Watched:
    """The folder of scores that a watcher holds, and what it has come to."""

    root: Path
    folder: Path
    rows: dict[str, ScoredVideo]
    retry: set[str]
    new: int = 0
    failed: int = 0

    def waiting(self) -> dict[str, tuple[VideoItem, Signature]]:
        """Return the videos that have no scores yet, by their id.

        One that failed and was changed since is among them, for it may have been incomplete.

        Raises:
            StoreError: A video has the name of another one that was scored here.
        """
        found = {}
        for path in find_videos(self.root):
            video_id = printable(path.relative_to(self.root).as_posix())
            # Programs that copy give a file its name once it is whole, and one with a dot before.
            if path.name.startswith("."):
                continue
            item = VideoItem(video_id, str(path.absolute()))
            if not self._wants(video_id):
                refuse_other_files(self.folder, [item], {video_id: self.rows[video_id].path})
                continue
            try:
                state = path.stat()
                changed = state.st_mtime > self._failed_at(video_id)
            except FileNotFoundError:  # moved away while we looked
                continue
            if state.st_size and changed:
                found[video_id] = item, (state.st_size, state.st_mtime_ns)
        return found

    def _wants(self, video_id: str) -> bool:
        return video_id not in self.rows or self.rows[video_id].status == "failed"

    def _failed_at(self, video_id: str) -> float:
        """Return when a video's failure was recorded; before all time where it is to be tried."""
        if video_id not in self.rows or video_id in self.retry:
            return float("-inf")
        return (self.folder / "videos" / failure_name(video_id)).stat().st_mtime


def watch(run: WatchRun, tell: Callable[[ScoredVideo], None]) -> WatchReport:
    """Score what is finished below a folder, telling of each video, until told to stop.

    Raises:
        StoreError: No such folder, no checkpoint, or the scores are another model's, in use, or
            cannot be written.
        ValueError: CLIP weights that are not those of the checkpoint's features, or a number that
            has to be above 0.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    require_sane(run.reading, videos_per_part=run.videos_per_part)
    require_positive(poll=run.poll, settle=run.settle, idle_exit=run.idle_exit)
    scoring = settle_scoring(run.checkpoint, run.weights, run.events)
    find_videos(run.folder)
    folder = run.out or default_folder(run.folder)
    with exclusive(folder), ExitStack() as running, _told_to_stop() as listen:
        rows = {row.video_id: row for row in prepare(folder, scoring.header)}
        write_settings(folder, "watch", run)
        retry = set(rows) if run.reading.retry_failed else set()
        watched = _Watched(run.folder, folder, rows, retry)
        already = len(rows)
        settings = StageSettings(scoring.recipe, scoring.source, run.reading)
        sink = score_sink(folder, scoring.header, run.checkpoint)
        crew: Crew | None = None
        console.print(f"watching {run.folder} · Ctrl-C ends it", highlight=False, soft_wrap=True)
        try:
            for items in _finished(run, watched):
                if crew is None:
                    plan = running.enter_context(running_cluster(run.reading.workers))
                    listen()  # Ray listens to SIGTERM as well, once it runs
                    crew = Crew(settings, plan, sink)
                jobs = pack_jobs(items, run.videos_per_part)
                with metering("score", len(items)) as meter:
                    crew.run(jobs, meter.hear)
                names = [part_name(sink.header, [i.video_id for i in job.items]) for job in jobs]
                _note(watched, items, names, tell)
        except KeyboardInterrupt:
            return WatchReport(folder, watched.new, already, watched.failed, stopped=True)
    return WatchReport(folder, watched.new, already, watched.failed, stopped=False)


def _finished(run: WatchRun, watched: _Watched) -> Iterator[list[VideoItem]]:
    """Yield the videos that have been finished, some at a time; ends where the run says so."""
    settling = Settling(run.settle)
    busy = time.monotonic()
    while True:
        try:
            waiting = watched.waiting()
        except FileNotFoundError:  # a folder below was moved away while we looked
            waiting = {}
            if not run.folder.is_dir():
                raise StoreError(f"{run.folder} is gone; mount or make it again") from None
        marks = {video_id: mark for video_id, (_, mark) in waiting.items()}
        finished = settling.finished(marks, time.monotonic())
        if finished:
            yield [waiting[video_id][0] for video_id in finished]
            busy = time.monotonic()
            continue
        if waiting:
            busy = time.monotonic()
        elif run.once or (run.idle_exit and time.monotonic() - busy >= run.idle_exit):
            return
        time.sleep(run.poll)


def _note(
    watched: _Watched,
    items: Sequence[VideoItem],
    parts: Sequence[str],
    tell: Callable[[ScoredVideo], None],
) -> None:
    """Take the rows that were just committed, and tell of them in order of time."""
    ids = [item.video_id for item in items]
    rows = {row.video_id: row for row in rows_in(watched.folder, map(failure_name, ids))}
    rows |= {row.video_id: row for row in rows_in(watched.folder, parts)}
    for video_id in ids:
        row = watched.rows[video_id] = rows[video_id]
        watched.retry.discard(video_id)
        if row.status == "failed":
            watched.failed += 1
        else:
            watched.new += 1
            (watched.folder / "videos" / failure_name(video_id)).unlink(missing_ok=True)
        tell(row)


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], None]]:
    """Take SIGTERM for Ctrl-C while the block runs; yields what makes it so once more.

    Only a program's main thread hears signals; in any other this does nothing.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def listen() -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, interrupt)

    before = signal.getsignal(signal.SIGTERM)
    listen()
    try:
        yield listen
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
