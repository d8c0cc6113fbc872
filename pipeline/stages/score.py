"""The scoring stage: new videos to Parquet in one pass (decode, CLIP, head)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from model.checkpoint import build_scorer, load_checkpoint
from model.device import device_named
from model.scoring.events import label_all
from model.scoring.scorer import score_features
from pipeline.engine.driver import run_stage
from pipeline.engine.events import (
    ProgressBar,
    VideoFailed,
    VideoFinished,
    VideoOutcome,
    no_progress,
)
from pipeline.engine.settings import stage_settings
from pipeline.engine.sink import Sink
from pipeline.outputs import default_scores, write_settings
from pipeline.stages.cautions import cautions_of
from pipeline.stages.events import open_labelled
from pipeline.stages.pending import Recorded, find_pending
from pipeline.stages.scoring_plan import make_scoring_plan
from pipeline.stages.zero_shot import note_on, provide_checkpoint
from stores.datasets.folder import items_of
from stores.files.commit import exclusive
from stores.files.locations import regular, size_of
from stores.files.names import printable
from stores.files.roots import record_root
from stores.files.scan import log_passed_over, walk
from stores.records import Failure, StoreError, VideoFeatures, VideoItem, VideoScores
from stores.scores.reader import open_scores, videos_in
from stores.scores.rows import ScoredVideo
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores

if TYPE_CHECKING:
    from pipeline.commands.score import ScoreRun


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What a scoring run came to; ``videos`` are all rows of the folder, earlier runs' as well.

    Of the videos whose file changed since it was scored, ``redone`` were scored again, ``kept``
    were not. ``cautions`` is what has to be said of these scores.
    """

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    videos: tuple[ScoredVideo, ...]
    frames: int
    seconds: float
    redone: int = 0
    kept: int = 0
    cautions: tuple[str, ...] = ()

    @property
    def marked(self) -> int:
        """How many videos do not hold what they announce."""
        return sum(video.is_marked for video in self.videos)


@dataclass
class PartWriter:
    """Scores the features of a job and commits them as one Parquet part; nothing else is kept."""

    folder: Path
    header: ScoreHeader
    checkpoint: Path

    @cached_property
    def _score(self) -> Callable[[Sequence[VideoFeatures]], Iterator[VideoScores]]:
        """The checkpoint, loaded by the worker that scores first with it."""
        checkpoint = load_checkpoint(self.checkpoint)
        scorer = build_scorer(checkpoint, device_named("auto"), self.header.score_temperature)
        return partial(score_features, scorer, crop=checkpoint.provenance.test_crop)

    def __call__(
        self, videos: Sequence[VideoFeatures], failures: Sequence[Failure], generation: int
    ) -> None:
        """Score, and write the part; a StoreError says why it cannot be written."""
        labelled = label_all(self._score(videos), self.header)
        write_scores(self.folder, self.header, labelled, failures, generation=generation)


def part_sink(folder: Path, header: ScoreHeader, checkpoint: Path) -> Sink:
    """Return the sink that commits the scores of a job as one Parquet part in ``folder``."""
    write = PartWriter(folder.absolute(), header, checkpoint.absolute())
    return Sink(write.folder / "videos", partial(part_name, header), write, _outcomes)


def _outcomes(part: Path) -> Iterator[VideoOutcome]:
    for row in videos_in(part):
        item = VideoItem(row.video_id, row.path)
        if row.status == "failed":
            yield VideoFailed(Failure(item, row.reason, content=row.content))
        else:
            yield VideoFinished(item, row.is_marked)


def recorded(rows: Iterable[ScoredVideo]) -> dict[str, Recorded]:
    """Return what a folder of scores knows of its videos' files."""
    return {r.video_id: Recorded(r.path, r.content, r.status == "failed") for r in rows}


def latest_generation(rows: Iterable[ScoredVideo]) -> int:
    """Return the highest generation of a folder's rows, 0 where there are none."""
    return max((row.generation for row in rows), default=0)


def score(run: ScoreRun, *, progress: ProgressBar = no_progress) -> ScoreReport:
    """Score what is not scored yet below ``run.videos`` and return what was done.

    Raises:
        StoreError: No videos or checkpoint, another model's scores, or a folder not writable.
        ValueError: As for ``make_scoring_plan``.
    """
    folder = run.out or default_scores(run.videos)
    run = replace(run, checkpoint=provide_checkpoint(run, folder))
    plan = make_scoring_plan(run.checkpoint, run.weights, run.events)
    items = _items(run.videos)
    with exclusive(folder):
        rows = open_labelled(folder, plan.header, plan.checkpoint)
        pending = find_pending(folder, items, recorded(rows), run.reading)
        write_settings(folder, "score", run)
        record_root(folder, run.videos)
        tally = run_stage(
            pending.items,
            stage_settings(plan.recipe, plan.source, run.reading),
            part_sink(folder, plan.header, run.checkpoint),
            per_job=run.videos_per_part,
            generation=latest_generation(rows) + pending.again,
            progress=partial(progress, "score"),
        )
        videos = tuple(open_scores(folder, plan.header))
    reasons = {row.video_id: row.reason for row in videos if row.status == "failed"}
    by_id = {item.video_id: item for item in items}
    read = {item.video_id for item in pending.items}
    scored = {row.video_id for row in rows if row.status != "failed"}
    return ScoreReport(
        folder=folder,
        new=tally.done,
        already=len((by_id.keys() - read) & scored),
        failures=tuple(Failure(by_id[i], why) for i, why in reasons.items() if i in by_id),
        videos=videos,
        frames=tally.frames,
        seconds=tally.seconds,
        redone=pending.redone,
        kept=pending.kept,
        cautions=(*filter(None, [note_on(plan.checkpoint)]), *cautions_of(plan.header)),
    )


def _items(videos: Path) -> list[VideoItem]:
    """Return the videos below a folder, or the one that a path names."""
    if regular(videos).is_file() or size_of(str(videos)) is not None:
        return [VideoItem(printable(videos.absolute().name), str(videos.absolute()))]
    if not videos.exists():
        raise StoreError(f"no such file or folder: {videos}")
    tree = walk(videos)
    log_passed_over(tree)
    return items_of(tree)
