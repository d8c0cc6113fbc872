"""The scoring stage: new videos to Parquet in one pass (decode, CLIP, DSANet)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from model.checkpoint import load_checkpoint
from model.device import device_named
from model.scoring.events import label_all
from model.scoring.videos import Scorer, scorer_of
from pipeline.engine.driver import run_stage
from pipeline.engine.shard_worker import StageSettings
from pipeline.outputs import require_sane, write_settings
from pipeline.settings import ScoreRun
from pipeline.stages.scoring_plan import settle_scoring
from stores.datasets import base
from stores.files.commit import exclusive
from stores.files.names import printable
from stores.files.scan import refuse_other_files
from stores.records import Failure, StoreError, VideoFeatures, VideoItem
from stores.scores.reader import ScoredVideo, prepare
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What a scoring run came to; ``videos`` are all rows of the folder, earlier runs' as well."""

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    videos: tuple[ScoredVideo, ...]
    frames: int
    seconds: float


@dataclass
class ScoreSink:
    """Scores the features of a job and commits them as one Parquet part; nothing else is kept."""

    folder: Path
    header: ScoreHeader
    checkpoint: Path
    before: frozenset[str]
    _scorer: Scorer | None = field(default=None, repr=False)

    def is_done(self, items: tuple[VideoItem, ...]) -> bool:
        """Return whether a worker that was lost since had committed exactly these videos."""
        name = part_name(self.header, [item.video_id for item in items])
        return name not in self.before and (self.folder / "videos" / name).is_file()

    def commit(self, videos: list[VideoFeatures], failures: list[Failure]) -> None:
        """Score, and write the part; a StoreError says why it cannot be written."""
        if self._scorer is None:
            checkpoint, device = load_checkpoint(self.checkpoint), device_named("auto")
            self._scorer = scorer_of(checkpoint, device, self.header.score_temperature)
        header, scores = self.header, self._scorer.score_all(videos)
        write_scores(self.folder, header, label_all(scores, header), failures)


def default_folder(videos: Path) -> Path:
    """Return the folder that the scores of some videos go to where none is given."""
    own = videos.resolve() if videos.name in ("", "..") else videos  # such as . and ..
    return Path("outputs") / "scores" / (own.name or "root")


def score_sink(folder: Path, header: ScoreHeader, checkpoint: Path) -> ScoreSink:
    """Return the sink of a run that finds ``folder`` as it is now."""
    return ScoreSink(
        folder=folder.absolute(),
        header=header,
        checkpoint=checkpoint.absolute(),
        before=frozenset(part.name for part in (folder / "videos").glob("part-*.parquet")),
    )


def score(run: ScoreRun) -> ScoreReport:
    """Score what is not scored yet below ``run.videos`` and return what was done.

    Raises:
        StoreError: No videos, no checkpoint, or the folder holds another model's scores or cannot
            be written.
        ValueError: CLIP weights that are not those of the checkpoint's features.
    """
    require_sane(run.reading, videos_per_part=run.videos_per_part)
    scoring = settle_scoring(run.checkpoint, run.weights, run.events)
    items = _items(run.videos)
    folder = run.out or default_folder(run.videos)
    header = scoring.header
    with exclusive(folder):
        rows = {row.video_id: row for row in prepare(folder, header)}
        refuse_other_files(folder, items, {key: row.path for key, row in rows.items()})
        write_settings(folder, "score", run)
        missing = [
            item
            for item in items
            if item.video_id not in rows
            or (run.reading.retry_failed and rows[item.video_id].status == "failed")
        ]
        frames, seconds, done = 0, 0.0, 0
        if missing:
            sink = score_sink(folder, header, run.checkpoint)
            settings = StageSettings(scoring.recipe, scoring.source, run.reading)
            tally = run_stage("score", missing, settings, sink, per_job=run.videos_per_part)
            frames, seconds, done = tally.frames, tally.seconds, tally.done
        videos = tuple(prepare(folder, header))
    wanted = {item.video_id: item for item in items}
    failures = tuple(
        Failure(wanted[v.video_id], v.reason)
        for v in videos
        if v.status == "failed" and v.video_id in wanted
    )
    return ScoreReport(
        folder=folder,
        new=done,
        already=len(items) - len(missing),
        failures=failures,
        videos=videos,
        frames=frames,
        seconds=seconds,
    )


def _items(videos: Path) -> list[VideoItem]:
    """Return the videos below a folder, or the one that a path names."""
    if videos.is_file():
        return [VideoItem(printable(videos.name), str(videos.absolute()))]
    if not videos.exists():
        raise StoreError(f"no such file or folder: {videos}")
    return list(base.load("folder").discover(videos))
