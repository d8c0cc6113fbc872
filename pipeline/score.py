"""The scoring stage: new videos to Parquet in one pass (decode, CLIP, DSANet)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from extract.encoder import resolve_weights
from extract.recipe import recipe_from_json
from model.checkpoint import device_named, load_checkpoint
from pipeline.driver import run_stage
from pipeline.runs import require_sane, write_settings
from pipeline.scorer import Scorer, scorer_of
from pipeline.settings import ScoreRun
from pipeline.stage import StageSettings
from stores.commit import exclusive
from stores.datasets import base
from stores.events import EventRule
from stores.records import Failure, StoreError, VideoFeatures, VideoItem
from stores.results import ScoredVideo, prepare
from stores.scores import ScoreHeader, part_name, write_scores


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
            self._scorer = scorer_of(load_checkpoint(self.checkpoint), device_named("auto"))
        write_scores(self.folder, self.header, self._scorer.score_all(videos), failures)


def score(run: ScoreRun) -> ScoreReport:
    """Score what is not scored yet below ``run.videos`` and return what was done.

    Raises:
        StoreError: No videos, no checkpoint, or the folder holds another model's scores or cannot
            be written.
        ValueError: CLIP weights that are not those of the checkpoint's features.
    """
    require_sane(run.reading, videos_per_part=run.videos_per_part)
    checkpoint = load_checkpoint(run.checkpoint)
    recipe = recipe_from_json(checkpoint.provenance.recipe)
    if recipe.frames == "unknown":
        raise StoreError(
            f"{run.checkpoint} scores published features, and how those are made of a video is not "
            "known; import it with --recipe vadclip to score videos on a guess"
        )
    source = run.weights or checkpoint.provenance.clip_weights
    if recipe.weights != resolve_weights(recipe.model, source):
        raise ValueError(
            f"weights {source!r} of {recipe.model} are not those the checkpoint's features were "
            "made with; give WEIGHTS=<that file or tag>"
        )
    items = _items(run.videos)
    folder = run.out or Path("outputs") / "scores" / (run.videos.absolute().name or "root")
    header = ScoreHeader(
        classes=checkpoint.provenance.classes,
        model_fingerprint=checkpoint.fingerprint,
        recipe_fingerprint=recipe.fingerprint,
        rule=EventRule(threshold=run.threshold),
    )
    with exclusive(folder):
        rows = {row.video_id: row for row in prepare(folder, header)}
        write_settings(folder, "score", run)
        missing = [
            item
            for item in items
            if item.video_id not in rows
            or (run.reading.retry_failed and rows[item.video_id].status == "failed")
        ]
        frames, seconds, done = 0, 0.0, 0
        if missing:
            sink = ScoreSink(
                folder=folder.absolute(),
                header=header,
                checkpoint=run.checkpoint.absolute(),
                before=frozenset(p.name for p in (folder / "videos").glob("part-*.parquet")),
            )
            settings = StageSettings(recipe, source, run.reading)
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
        return [VideoItem(videos.name, str(videos.absolute()))]
    if not videos.exists():
        raise StoreError(f"no such file or folder: {videos}")
    return list(base.load("folder").discover(videos))
