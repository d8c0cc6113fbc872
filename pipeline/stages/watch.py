"""A folder watched: videos are scored as they are finished, by workers that stay.

What is scored is what the Parquet says, so a watcher that was killed takes up where it ended, and
`score` on the same folder finds its work done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engine.cluster import running_cluster
from pipeline.engine.driver import WorkerPool, pack_jobs
from pipeline.engine.events import ProgressBar, no_progress
from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions
from pipeline.outputs import default_scores, write_settings
from pipeline.stages.cautions import cautions_of
from pipeline.stages.events import open_labelled
from pipeline.stages.pending import find_pending
from pipeline.stages.score import latest_generation, part_sink, recorded
from pipeline.stages.scoring_plan import make_scoring_plan
from stores.files.commit import exclusive
from stores.files.locations import size_of
from stores.files.names import printable
from stores.files.roots import record_root
from stores.files.scan import find_videos, log_passed_over, walk
from stores.records import StoreError, VideoItem
from stores.scores.reader import open_scores, read_videos
from stores.scores.rows import ScoredVideo
from stores.scores.writer import failure_name

if TYPE_CHECKING:
    from pipeline.commands.watch import WatchRun

logger = logging.getLogger(__name__)

Signature = tuple[int, ...]
"""A file's size, date, and when either was last set: equal ones stand for equal contents."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a watch came to; ``stopped`` says that a signal ended it.

    ``marked`` videos of the folder, of earlier runs as well, do not hold what they announce;
    ``cautions`` is what has to be said of its scores.
    """

    folder: Path
    new: int
    already: int
    failed: int
    stopped: bool
    marked: int = 0
    cautions: tuple[str, ...] = ()


@dataclass(slots=True)
class Settling:
    """The files that are not finished yet: those we have not seen unchanged for ``seconds``.

    Dates alone would not do: another machine's clock may set them, or a move keep them.
    """

    seconds: float
    _seen: dict[str, tuple[Signature, float]] = field(default_factory=dict)

    def finished(self, files: Mapping[str, Signature], now: float) -> list[str]:
        """Return which of the files that are there are finished; ``now`` is a steady clock's."""
        same = {name: seen for name, seen in self._seen.items() if files.get(name) == seen[0]}
        self._seen = {name: same.get(name, (files[name], now)) for name in files}
        return [name for name, (_, since) in self._seen.items() if now - since >= self.seconds]


@dataclass(slots=True)
class _Watched:
    """A watched folder and its folder of scores; ``forgotten`` failures are tried once more."""

    root: Path
    folder: Path
    reading: ReadOptions
    rows: dict[str, ScoredVideo]
    forgotten: set[str]
    new: int = 0
    failed: int = 0
    _done: dict[str, Signature] = field(default_factory=dict)

    def unscored(self) -> dict[str, tuple[VideoItem, Signature]]:
        """Return the videos that have no scores of what they hold now, by their id.

        One that failed and was changed since is among them, for it may have been incomplete.

        Raises:
            StoreError: A video has the name of another one that was scored here, or it changed and
                the options refuse that.
        """
        there: dict[str, tuple[VideoItem, Signature]] = {}
        for path in find_videos(self.root):
            # Programs that copy give a file its name once it is whole, and one with a dot before.
            if path.name.startswith("."):
                continue
            item = VideoItem(
                printable(path.relative_to(self.root).as_posix()), str(path.absolute())
            )
            with suppress(FileNotFoundError):  # moved away while we looked
                status = path.stat()
                size = size_of(item.path) or 0
                signature = size, status.st_mtime_ns, status.st_ctime_ns
                if size and self._done.get(item.video_id) != signature:
                    there[item.video_id] = item, signature
        known = {key: row for key, row in self.rows.items() if key not in self.forgotten}
        items, again = (
            [item for item, _ in there.values()],
            replace(self.reading, retry_failed=False),
        )
        found = find_pending(self.folder, items, recorded(known.values()), again)
        pending = {item.video_id: there[item.video_id] for item in found.items}
        # Looked at once, a file is not compared again before its size or date is another.
        self._done.update({key: there[key][1] for key in there.keys() - pending.keys()})
        return pending

    def read_rows(self, items: Sequence[VideoItem], parts: Sequence[str]) -> list[ScoredVideo]:
        """Return the rows of videos that were just committed, in the videos' order."""
        names = [*(failure_name(item.video_id) for item in items), *parts]
        committed = {row.video_id: row for row in read_videos(self.folder, names)}
        rows = [committed[item.video_id] for item in items]
        for row in rows:
            self.rows[row.video_id] = row
            self.forgotten.discard(row.video_id)
            self.failed += row.status == "failed"
            self.new += row.status != "failed"
        return rows


def watch(
    run: WatchRun, on_video: Callable[[ScoredVideo], None], *, progress: ProgressBar = no_progress
) -> WatchReport:
    """Score what is finished below a folder, calling ``on_video`` for each, until interrupted.

    Raises:
        StoreError: No folder or checkpoint; scores of another model, in use, or not writable.
        ValueError: As for ``make_scoring_plan``.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    plan = make_scoring_plan(run.checkpoint, run.weights, run.events)
    for caution in (cautions := cautions_of(plan.header)):  # its last lines may be weeks away
        logger.warning("%s", caution)
    tree = walk(run.folder)
    log_passed_over(tree)
    for path in tree.unusable:
        logger.warning("%s: not watched: a pipe, a device, or a link that leads nowhere", path)
    folder = run.out or default_scores(run.folder)
    with exclusive(folder), ExitStack() as cluster:
        there = open_labelled(folder, plan.header, plan.checkpoint)
        rows = {row.video_id: row for row in there}
        already = sum(row.status != "failed" for row in rows.values())
        write_settings(folder, "watch", run)
        record_root(folder, run.folder)
        failed = {key for key, row in rows.items() if row.status == "failed"}
        forgotten = failed if run.reading.retry_failed else set()
        watched = _Watched(run.folder, folder, run.reading, rows, forgotten)
        settings = stage_settings(plan.recipe, plan.source, run.reading)
        sink = part_sink(folder, plan.header, run.checkpoint)
        pool: WorkerPool | None = None
        logger.info("watching %s · Ctrl-C ends it", run.folder)
        try:
            for items in _finished(run, watched):
                if pool is None:
                    workers = cluster.enter_context(running_cluster(settings.workers))
                    pool = WorkerPool(settings, workers, sink)
                again = any(item.video_id in watched.rows for item in items)
                generation = latest_generation(watched.rows.values()) + again
                jobs = pack_jobs(items, run.videos_per_part, generation)
                with progress("score", len(items)) as show:
                    pool.run(jobs, show)
                parts = [sink.name(generation, [i.video_id for i in job.items]) for job in jobs]
                for row in watched.read_rows(items, parts):
                    on_video(row)
                if again:
                    open_scores(folder, plan.header)
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    marked = sum(row.is_marked for row in watched.rows.values())
    counts = watched.new, already, watched.failed
    return WatchReport(folder, *counts, stopped, marked, cautions)


def _finished(run: WatchRun, watched: _Watched) -> Iterator[list[VideoItem]]:
    """Yield the videos that have been finished, some at a time; ends where the run says so."""
    settling = Settling(run.settle)
    busy = time.monotonic()
    while True:
        try:
            unscored = watched.unscored()
        except FileNotFoundError:  # a folder below was moved away while we looked
            unscored = {}
            if not run.folder.is_dir():
                raise StoreError(f"{run.folder} is gone; mount or make it again") from None
        signatures = {video_id: signature for video_id, (_, signature) in unscored.items()}
        if finished := settling.finished(signatures, time.monotonic()):
            yield [unscored[video_id][0] for video_id in finished]
            busy = time.monotonic()
            continue
        if unscored:
            busy = time.monotonic()
        elif run.once or (run.idle_exit and time.monotonic() - busy >= run.idle_exit):
            return
        time.sleep(run.poll)
