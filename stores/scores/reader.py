"""Scores read back: what was scored, which events were found, and the frame scores themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from stores.records import ScoredEvent, StoreError, VideoItem, VideoScores
from stores.scores.parts import KINDS, parts_in, read_header, read_part, read_rows
from stores.scores.schema import EVENTS_SCHEMA, ScoreHeader
from stores.scores.writer import failure_name, is_ours


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """One row of ``videos/``.

    ``status`` is ``ok``, ``partial`` (stopped at an error), ``marked`` (scored, but not what its
    container announces) or ``failed``.
    """

    video_id: str
    path: str
    status: str
    reason: str
    frames: int
    seconds: float
    peak: float
    label: str
    events: int


def read_videos(folder: Path) -> list[ScoredVideo]:
    """Return the rows of ``videos/`` in order of id; none where nothing was scored yet.

    The folder may be written to meanwhile: what is not committed yet is not seen.

    Raises:
        StoreError: A part is damaged or not ours.
    """
    names = list(ScoredVideo.__slots__)
    rows = [row for part in parts_in(folder, "videos") for row in read_rows(part, names)]
    return sorted((ScoredVideo(**row) for row in rows), key=lambda v: v.video_id)


def rows_in(folder: Path, names: Iterable[str]) -> list[ScoredVideo]:
    """Return the rows of those of some parts of ``videos/`` that are there; errors as above."""
    columns = list(ScoredVideo.__slots__)
    rows = [row for name in names for row in read_rows(folder / "videos" / name, columns)]
    return [ScoredVideo(**row) for row in rows]


def read_events(folder: Path) -> list[tuple[str, ScoredEvent]]:
    """Return every event with its video id, the highest peak first; errors as in read_videos."""
    rows = [
        r
        for part in parts_in(folder, "events")
        for r in read_part(part, EVENTS_SCHEMA.names).to_pylist()
    ]
    events = [
        (
            row["video_id"],
            ScoredEvent(
                start=row["start_frame"],
                end=row["end_frame"],
                start_time=row["start_time"],
                end_time=row["end_time"],
                label=row["label"],
                peak=row["peak"],
                mean=row["mean"],
            ),
        )
        for row in rows
    ]
    return sorted(events, key=lambda pair: (-pair[1].peak, pair[0], pair[1].start))


def read_scores(folder: Path, items: Sequence[VideoItem]) -> dict[str, VideoScores]:
    """Return the frame scores of the given videos, by id; one that was not scored is left out.

    Raises:
        StoreError: A part is damaged or not ours.
    """
    wanted = {item.video_id: item for item in items}
    found: dict[str, VideoScores] = {}
    for part in parts_in(folder, "scores"):
        header = read_header(part)
        columns = [f"p_{name}" for name in header.classes]
        table = read_part(part, ["video_id", "time", "score", *columns], filters=set(wanted))
        ids = np.asarray(table["video_id"].cast(pa.string()))
        edges = [*np.flatnonzero(ids[1:] != ids[:-1]) + 1, len(ids)] if len(ids) else []
        for start, end in zip([0, *edges], edges, strict=False):
            rows = table.slice(start, end - start)
            found[ids[start]] = VideoScores(
                item=wanted[ids[start]],
                times=rows["time"].to_numpy(),
                score=rows["score"].to_numpy(),
                probabilities=np.stack([rows[c].to_numpy() for c in columns], axis=1),
            )
    return found


def check_part(folder: Path, name: str) -> None:
    """Read all of one part, its scores, events and videos, or of one failure.

    Raises:
        StoreError: A file is damaged, not ours or not there, or they do not go together.
    """
    if not is_ours(name):
        raise StoreError(f"{folder}: {name} is no part of scores; move it out of the folder")
    videos = folder / "videos" / name
    if not videos.is_file():
        raise StoreError(f"{folder}: the run that wrote {name} did not come to its end")
    rows = read_part(videos, None).to_pylist()  # columns that nothing else reads as well
    if all(row["status"] == "failed" for row in rows):
        return
    for kind in ("scores", "events"):
        if not (folder / kind / name).is_file():
            raise StoreError(f"{folder / kind / name} is missing; score its videos again")
    frames = read_part(folder / "scores" / name, None).num_rows
    read_part(folder / "events" / name, None)
    if frames != sum(row["frames"] for row in rows):
        raise StoreError(f"{folder / 'scores' / name} has {frames} rows, not those of its videos")


def prepare(folder: Path, header: ScoreHeader) -> list[ScoredVideo]:
    """Return what a folder already holds, after dropping what a killed run left unfinished.

    That is scores and events whose videos were never committed, and failures of videos that were
    scored since.

    Raises:
        StoreError: What is there was made with another model, recipe or event rule.
    """
    finished = {part.name for part in parts_in(folder, "videos")}
    for kind in ("scores", "events"):
        for part in parts_in(folder, kind):
            if part.name not in finished and is_ours(part.name):
                part.unlink()
    for part in parts_in(folder, "videos"):
        theirs = read_header(part)
        if theirs != header:
            raise StoreError(
                f"{folder} holds scores of another run ({_unlike(theirs, header)}); "
                "give another OUT, or remove them"
            )
    videos = read_videos(folder)
    scored = {video.video_id for video in videos if video.status != "failed"}
    for video_id in scored & {video.video_id for video in videos if video.status == "failed"}:
        (folder / "videos" / failure_name(video_id)).unlink()
    return [v for v in videos if v.status != "failed" or v.video_id not in scored]


def clear_others(folder: Path, header: ScoreHeader, kept: str) -> None:
    """Remove every part but the one named ``kept``, and that too where another header made it.

    Damaged ones go as well, files of other makers stay.
    """
    for kind in reversed(KINDS):
        for part in parts_in(folder, kind):
            try:
                theirs = read_header(part)
            except StoreError:
                theirs = None
            if (theirs != header or part.name != kept) and is_ours(part.name):
                part.unlink()


def _unlike(theirs: ScoreHeader, ours: ScoreHeader) -> str:
    pairs = zip(theirs.metadata().items(), ours.metadata().values(), strict=True)
    return ", ".join(
        f"{k.decode()} {a.decode()}, now {b.decode()}" for (k, a), b in pairs if a != b
    )
