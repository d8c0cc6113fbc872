"""Scores read back: what was scored, which events were found, and the frame scores themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.events import EventRule, ScoredEvent
from stores.locations import openable
from stores.records import StoreError, VideoItem, VideoScores
from stores.scores import (
    EVENTS_SCHEMA,
    SCHEMA_VERSION,
    VIDEOS_SCHEMA,
    ScoreHeader,
    failure_name,
    is_ours,
    scores_schema,
)

KINDS = ("scores", "events", "videos")
"""The folders of a part, in the order they are committed."""


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
    rows = [row for part in _parts(folder, "videos") for row in _rows(part, names)]
    return sorted((ScoredVideo(**row) for row in rows), key=lambda v: v.video_id)


def rows_in(folder: Path, names: Iterable[str]) -> list[ScoredVideo]:
    """Return the rows of those of some parts of ``videos/`` that are there; errors as above."""
    columns = list(ScoredVideo.__slots__)
    rows = [row for name in names for row in _rows(folder / "videos" / name, columns)]
    return [ScoredVideo(**row) for row in rows]


def read_events(folder: Path) -> list[tuple[str, ScoredEvent]]:
    """Return every event with its video id, the highest peak first; errors as in read_videos."""
    rows = [
        r for part in _parts(folder, "events") for r in _read(part, EVENTS_SCHEMA.names).to_pylist()
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
    for part in _parts(folder, "scores"):
        header = read_header(part)
        columns = [f"p_{name}" for name in header.classes]
        table = _read(part, ["video_id", "time", "score", *columns], filters=set(wanted))
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


def folder_header(folder: Path) -> ScoreHeader:
    """Return the header that all parts of a folder of scores have in common.

    Raises:
        StoreError: Nothing was scored there, or a part is damaged or not ours.
    """
    parts = _parts(folder, "videos")
    if not parts:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    return read_header(parts[0])


def read_header(part: Path) -> ScoreHeader:
    """Return the header of one Parquet part; errors as in read_videos."""
    with _reading(part):
        schema = pq.read_schema(openable(part))
        metadata = schema.metadata or {}
        header = ScoreHeader(
            classes=tuple(json.loads(metadata[b"classes"])),
            model_fingerprint=metadata[b"model_fingerprint"].decode(),
            recipe_fingerprint=metadata[b"recipe_fingerprint"].decode(),
            rule=EventRule(**json.loads(metadata[b"event_rule"])),
            score_temperature=json.loads(metadata.get(b"score_temperature", b"null")),
        )
        version = metadata[b"schema_version"].decode()
        if version != SCHEMA_VERSION:
            raise StoreError(f"{part} has schema {version}, expected {SCHEMA_VERSION}; score again")
        if not schema.equals(_schema_of(part.parent.name, header)):
            raise TypeError("columns that are not those of this version")
        return header


def _schema_of(kind: str, header: ScoreHeader) -> pa.Schema:
    return {"events": EVENTS_SCHEMA, "videos": VIDEOS_SCHEMA}.get(kind) or scores_schema(header)


@contextmanager
def _reading(part: Path) -> Iterator[None]:
    """Turn what damaged and foreign files raise into a StoreError that names the file."""
    try:
        yield
    except StoreError:
        raise
    except PermissionError as error:
        raise StoreError(f"{part}: no permission to read the file") from error
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError, MemoryError) as error:
        raise StoreError(
            f"damaged or foreign Parquet file {part} ({error}); move it away and score again"
        ) from error


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
    rows = _read(videos, list(ScoredVideo.__slots__)).to_pylist()
    if all(row["status"] == "failed" for row in rows):
        return
    for kind in ("scores", "events"):
        if not (folder / kind / name).is_file():
            raise StoreError(f"{folder / kind / name} is missing; score its videos again")
    frames = _read(folder / "scores" / name, None).num_rows
    _read(folder / "events" / name, None)
    if frames != sum(row["frames"] for row in rows):
        raise StoreError(f"{folder / 'scores' / name} has {frames} rows, not those of its videos")


def prepare(folder: Path, header: ScoreHeader) -> list[ScoredVideo]:
    """Return what a folder already holds, after dropping what a killed run left unfinished.

    That is scores and events whose videos were never committed, and failures of videos that were
    scored since.

    Raises:
        StoreError: What is there was made with another model, recipe or event rule.
    """
    finished = {part.name for part in _parts(folder, "videos")}
    for kind in ("scores", "events"):
        for part in _parts(folder, kind):
            if part.name not in finished and is_ours(part.name):
                part.unlink()
    for part in _parts(folder, "videos"):
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


def clear_others(folder: Path, header: ScoreHeader) -> None:
    """Remove the parts that another model, recipe or event rule made; damaged ones as well."""
    for kind in reversed(KINDS):
        for part in _parts(folder, kind):
            try:
                theirs = read_header(part)
            except StoreError:
                theirs = None
            if theirs != header and is_ours(part.name):
                part.unlink()


def _unlike(theirs: ScoreHeader, ours: ScoreHeader) -> str:
    pairs = zip(theirs.metadata().items(), ours.metadata().values(), strict=True)
    return ", ".join(
        f"{k.decode()} {a.decode()}, now {b.decode()}" for (k, a), b in pairs if a != b
    )


def _parts(folder: Path, kind: str) -> list[Path]:
    """Return the committed parts; one that is being written has a name that begins with a dot."""
    return sorted(p for p in (folder / kind).glob("*.parquet") if not p.name.startswith("."))


def _rows(part: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a part; none where it is gone, as a failure's once it was scored."""
    try:
        rows: list[dict[str, Any]] = _read(part, columns).to_pylist()
    except StoreError:
        if part.exists():
            raise
        return []
    return rows


def _read(
    part: Path, columns: Sequence[str] | None, *, filters: set[str] | None = None
) -> pa.Table:
    """Return some columns of a part, or all of it; every page's checksum is compared."""
    names = None if columns is None else list(columns)
    chosen = None if filters is None else [("video_id", "in", filters)]
    read_header(part)
    with _reading(part):
        return pq.read_table(
            openable(part), columns=names, filters=chosen, page_checksum_verification=True
        )
