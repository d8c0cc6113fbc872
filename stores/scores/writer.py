"""Scores as Parquet: one row a frame, and the events and videos they add up to.

A folder of scores is ``scores/``, ``events/`` and ``videos/``, each of zstd Parquet parts in types
and encodings that every common reader knows. A part holds whole videos; its ``videos`` file is
committed last and so says that the other two are there. A video that failed has a file of its own
in ``videos/``, so that scoring it later takes its row away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.files.commit import committing
from stores.records import Failure, LabelledScores
from stores.scores.rows import event_row, failure_row, video_row
from stores.scores.schema import EVENTS_SCHEMA, VIDEOS_SCHEMA, ScoreHeader, scores_schema

_SEARCHED = ["video_id", "frame", "time", "score", "label", "label_probability"]
"""Columns that readers filter by: these have their minimum and maximum in every row group."""


def write_scores(
    folder: Path,
    header: ScoreHeader,
    results: Sequence[LabelledScores],
    failures: Sequence[Failure] = (),
    *,
    generation: int = 0,
) -> None:
    """Commit some videos as one part, each failure as its own file; errors as in committing.

    A video that lies in parts of an earlier ``generation`` too counts as it is in this one.
    """
    for failure in failures:
        write_failure(folder, header, failure_row(failure, generation))
    if not results:
        return
    ids = [r.scores.item.video_id for r in results] + [f.item.video_id for f in failures]
    rows = [video_row(r.scores, r.events, generation) for r in results]
    write_part(folder, part_name(header, generation, ids), header, results, rows)


def write_failure(folder: Path, header: ScoreHeader, row: Mapping[str, Any]) -> None:
    """Commit the row of a video that failed as its own file; errors as in committing."""
    path = folder / "videos" / failure_name(row["video_id"])
    _write_table(path, _videos_table([row], header))


def write_part(
    folder: Path,
    name: str,
    header: ScoreHeader,
    results: Sequence[LabelledScores],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Commit videos, whose rows in ``videos/`` are given, as one part; errors as in committing."""
    found = [{"video_id": r.scores.item.video_id} | event_row(e) for r in results for e in r.events]
    commit_part(
        folder,
        name,
        scores_schema(header),
        _tables(results, header),
        events=pa.Table.from_pylist(found, EVENTS_SCHEMA.with_metadata(header.metadata())),
        videos=_videos_table(rows, header),
    )


def _videos_table(rows: Sequence[Mapping[str, Any]], header: ScoreHeader) -> pa.Table:
    return pa.Table.from_pylist(rows, VIDEOS_SCHEMA.with_metadata(header.metadata()))


def commit_part(
    folder: Path,
    name: str,
    schema: pa.Schema,
    scores: Iterable[pa.Table],
    *,
    events: pa.Table,
    videos: pa.Table,
) -> None:
    """Commit a part's three files, ``videos`` last, which says that the others are there."""
    with (
        committing(folder / "scores" / name, folder) as path,
        pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            write_page_checksum=True,
            # Looking up every float in a dictionary takes most of the time, and a counter is
            # shorter in another encoding. Times would be as streams of bytes, which fastparquet
            # and Spark's vectorised reader refuse, so zstd looks longer at them.
            use_dictionary=["video_id", "label"],
            column_encoding={"frame": "DELTA_BINARY_PACKED"},
            compression_level={"time": 3},
            write_statistics=_SEARCHED,
        ) as writer,
    ):
        for table in scores:
            writer.write_table(table)
    _write_table(folder / "events" / name, events)
    _write_table(folder / "videos" / name, videos)


def _tables(results: Sequence[LabelledScores], header: ScoreHeader) -> Iterator[pa.Table]:
    """Yield the rows of each video, made while those of the one before are being written."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        coming = beside.submit(score_table, results[0], header)
        for following in results[1:]:
            ready = coming.result()
            coming = beside.submit(score_table, following, header)
            yield ready
        yield coming.result()


def part_name(header: ScoreHeader, generation: int, video_ids: Sequence[str]) -> str:
    """Return the file name for these videos: a job repeated by its run overwrites itself."""
    made_with = header.model_fingerprint, header.recipe_fingerprint, str(generation)
    text = "\n".join([*made_with, *sorted(video_ids)])
    return f"part-{hashlib.sha256(text.encode()).hexdigest()[:16]}.parquet"


def is_ours(name: str) -> bool:
    """Return whether a file is named as those written here; others are never touched."""
    return name.startswith(("part-", "failed-")) and name.endswith(".parquet")


def failure_name(video_id: str) -> str:
    """Return the name of the file in ``videos/`` that says why a video has no scores."""
    return f"failed-{hashlib.sha256(video_id.encode()).hexdigest()[:16]}.parquet"


def _write_table(path: Path, table: pa.Table) -> None:
    with committing(path, path.parents[1]) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def score_table(result: LabelledScores, header: ScoreHeader) -> pa.Table:
    """Return one video's rows of ``scores/``; ``to_pandas`` makes a DataFrame of them."""
    scores = result.scores
    frames = scores.score.shape[0]
    columns = [
        pa.DictionaryArray.from_arrays(np.zeros(frames, np.int32), [scores.item.video_id]),
        np.arange(frames, dtype=np.int32),
        scores.times,
        scores.score,
        pa.DictionaryArray.from_arrays(result.labels, list(header.classes)),
        result.label_probability,
        *scores.probabilities.T,
    ]
    return pa.table(columns, schema=scores_schema(header))
