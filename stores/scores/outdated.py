"""Rows of a folder of scores that do not count any more: told apart, replaced, and taken out.

A video that is scored again goes into a part of a higher generation, from whose commit on it is the
one that counts. Its old rows are then removed: the part is written anew without them, and only then
is the old one taken away, its ``videos/`` first, so that what is left of it is unfinished.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stores.files.locations import openable
from stores.records import LabelledScores, StoreError
from stores.scores.parts import KINDS, read_header, read_part
from stores.scores.rows import ScoredVideo, found_columns
from stores.scores.schema import ScoreHeader
from stores.scores.writer import commit_part, part_name, write_failure, write_part


def newest(rows: Iterable[ScoredVideo]) -> dict[str, ScoredVideo]:
    """Return the row that counts of each video: of the highest generation, a success first."""
    chosen: dict[str, ScoredVideo] = {}
    for row in rows:
        other = chosen.get(row.video_id)
        if other is None or _rank(other) <= _rank(row):
            chosen[row.video_id] = row
    return chosen


def drop_outdated(folder: Path, rows: Collection[ScoredVideo]) -> None:
    """Take the rows that do not count out of the parts of a folder; ``rows`` are all there are.

    Raises:
        StoreError: A part is damaged, or the folder cannot be written.
    """
    counting = newest(rows)
    outdated = [row for row in rows if counting[row.video_id] is not row]
    for name in dict.fromkeys(row.part for row in outdated):
        kept = [row for row in counting.values() if row.part == name]
        if kept:
            _write_anew(folder, name, kept)
        _remove(folder, name)


def relabel_part(
    folder: Path, name: str, header: ScoreHeader, results: Sequence[LabelledScores], generation: int
) -> None:
    """Replace a part by one of another rule or temperature; ``results`` are its videos by these.

    Whatever else is known of its videos stays. A part of failures, which has no results, too gets
    the other header.

    Raises:
        StoreError: The part is damaged, its scores are not those of its videos, or the folder
            cannot be written.
    """
    rows = read_part(folder / "videos" / name).to_pylist()
    by_id = {result.scores.item.video_id: result for result in results}
    scored = {video_id: len(each.labels) for video_id, each in by_id.items()}
    if scored != {row["video_id"]: row["frames"] for row in rows if row["status"] != "failed"}:
        raise StoreError(
            f"{folder / 'scores' / name} has rows that are not those of its videos; run "
            "`verify --repair` on the folder, then score again"
        )
    if not results:
        for row in rows:
            write_failure(folder, header, row | {"generation": generation})
        return
    rows = [
        row | found_columns(result.scores, result.events) | {"generation": generation}
        for row in rows
        for result in [by_id[row["video_id"]]]
    ]
    made = part_name(header, generation, list(by_id))
    write_part(folder, made, header, results, rows)
    _remove(folder, name)


def _rank(row: ScoredVideo) -> tuple[int, bool]:
    return row.generation, row.status != "failed"


def _remove(folder: Path, name: str) -> None:
    for kind in reversed(KINDS):
        (folder / kind / name).unlink(missing_ok=True)


def _write_anew(folder: Path, name: str, rows: Collection[ScoredVideo]) -> None:
    """Commit what a part holds of some of its videos as a part of their own."""
    ids, generation = [row.video_id for row in rows], next(iter(rows)).generation
    made = part_name(read_header(folder / "videos" / name), generation, ids)
    events, videos = (_only(read_part(folder / kind / name), ids) for kind in KINDS[1:])
    with pq.ParquetFile(openable(folder / "scores" / name)) as file:
        scores = _groups(file, ids)
        commit_part(folder, made, file.schema_arrow, scores, events=events, videos=videos)


def _groups(file: pq.ParquetFile, kept: Collection[str]) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        rows = _only(file.read_row_group(group), kept)
        if rows.num_rows:
            yield rows


def _only(table: pa.Table, kept: Collection[str]) -> pa.Table:
    return table.filter(pc.is_in(table["video_id"], pa.array(kept, pa.string())))
