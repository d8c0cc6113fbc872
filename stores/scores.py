"""Scores as Parquet: one row a frame, and the events and videos they add up to.

A folder of scores is ``scores/``, ``events/`` and ``videos/``, each of zstd Parquet parts that
DuckDB, pandas and Polars open as they are. A part holds whole videos; its ``videos`` file is
committed last and so says that the other two are there. A video that failed has a file of its own
in ``videos/``, so that scoring it later takes its row away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.commit import committing
from stores.events import EventRule, ScoredEvent, find_events, frame_labels
from stores.records import Failure, VideoScores
from stores.score_rows import EVENTS_SCHEMA, VIDEOS_SCHEMA, event_row, failure_row, video_row

SCHEMA_VERSION = "2"  # 1 had no duplicate_frames, nor the status "marked"


# What a reader may look for: these columns tell least and most of each stretch of rows.
_SEARCHED = ("video_id", "frame", "time", "score", "label", "label_probability")


@dataclass(frozen=True, slots=True)
class ScoreHeader:
    """What every file of a folder of scores has in common, kept in its Parquet metadata.

    ``score_temperature`` is that of a calibrated model; None says that scores are as the model was
    trained to give them.
    """

    classes: tuple[str, ...]
    model_fingerprint: str
    recipe_fingerprint: str
    rule: EventRule
    score_temperature: float | None = None

    def metadata(self) -> dict[bytes, bytes]:
        """Return the key-value metadata of a file."""
        return {
            b"schema_version": SCHEMA_VERSION.encode(),
            b"classes": json.dumps(self.classes).encode(),
            b"model_fingerprint": self.model_fingerprint.encode(),
            b"recipe_fingerprint": self.recipe_fingerprint.encode(),
            b"event_rule": json.dumps(asdict(self.rule)).encode(),
            b"score_temperature": json.dumps(self.score_temperature).encode(),
        }


def scores_schema(header: ScoreHeader) -> pa.Schema:
    """Return the schema of ``scores/``: the fixed columns, then ``p_<class>`` for each class."""
    columns = [
        ("video_id", pa.dictionary(pa.int32(), pa.string())),
        ("frame", pa.int32()),
        ("time", pa.float64()),
        ("score", pa.float32()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("label_probability", pa.float32()),
        *[(f"p_{name}", pa.float32()) for name in header.classes],
    ]
    # Columns in which nothing can be missing take two thirds of the time to write.
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns]
    return pa.schema(fields, metadata=header.metadata())


def write_scores(
    folder: Path,
    header: ScoreHeader,
    results: Iterable[VideoScores],
    failures: Sequence[Failure] = (),
) -> None:
    """Commit the scores, events and rows of some videos as one part, each failure as its own file.

    Raises:
        StoreError: The folder cannot be written.
    """
    scored = list(results)
    schema = VIDEOS_SCHEMA.with_metadata(header.metadata())
    for failure in failures:
        name = failure_name(failure.item.video_id)
        _write_rows(folder / "videos" / name, [failure_row(failure)], schema)
    if not scored:
        return
    ids = [s.item.video_id for s in scored] + [f.item.video_id for f in failures]
    name = part_name(header, ids)
    events: dict[str, list[ScoredEvent]] = {}
    with (
        committing(folder / "scores" / name) as path,
        pq.ParquetWriter(
            path,
            scores_schema(header),
            compression="zstd",
            write_page_checksum=True,
            # Looking up every float in a dictionary takes most of the time, and 16 equal rows in a
            # row, a counter and regular times are told shorter otherwise.
            use_dictionary=["video_id", "label"],
            column_encoding={"frame": "DELTA_BINARY_PACKED", "time": "BYTE_STREAM_SPLIT"},
            write_statistics=list(_SEARCHED),
        ) as writer,
    ):
        for result, found, table in _prepared(scored, header):
            events[result.item.video_id] = found
            writer.write_table(table)
    rows = [{"video_id": key} | event_row(e) for key, found in events.items() for e in found]
    _write_rows(folder / "events" / name, rows, EVENTS_SCHEMA.with_metadata(header.metadata()))
    rows = [video_row(result, events[result.item.video_id]) for result in scored]
    _write_rows(folder / "videos" / name, rows, schema)


def _prepared(
    results: Sequence[VideoScores], header: ScoreHeader
) -> Iterator[tuple[VideoScores, list[ScoredEvent], pa.Table]]:
    """Yield each video with its events and rows, made while the one before is being written."""

    def prepare(result: VideoScores) -> tuple[VideoScores, list[ScoredEvent], pa.Table]:
        found = find_events(result, header.classes, header.rule)
        return result, found, score_table(result, header)

    with ThreadPoolExecutor(max_workers=1) as beside:
        coming = beside.submit(prepare, results[0])
        for following in results[1:]:
            ready = coming.result()
            coming = beside.submit(prepare, following)
            yield ready
        yield coming.result()


def part_name(header: ScoreHeader, video_ids: Sequence[str]) -> str:
    """Return the file name for these videos: a repeated job overwrites itself."""
    text = "\n".join([header.model_fingerprint, header.recipe_fingerprint, *sorted(video_ids)])
    return f"part-{hashlib.sha256(text.encode()).hexdigest()[:16]}.parquet"


def is_ours(name: str) -> bool:
    """Return whether a file is named as those written here; any other is somebody else's."""
    return name.startswith(("part-", "failed-")) and name.endswith(".parquet")


def failure_name(video_id: str) -> str:
    """Return the name of the file in ``videos/`` that says why a video has no scores."""
    return f"failed-{hashlib.sha256(video_id.encode()).hexdigest()[:16]}.parquet"


def _write_rows(path: Path, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
    with committing(path) as temporary:
        table = pa.Table.from_pylist(list(rows), schema)
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def score_table(result: VideoScores, header: ScoreHeader) -> pa.Table:
    """Return one video's rows of ``scores/``; ``to_pandas`` makes a DataFrame of them."""
    frames = result.score.shape[0]
    labels, probability = frame_labels(result, header.rule.threshold)
    video_id = pa.DictionaryArray.from_arrays(
        np.zeros(frames, dtype=np.int32), pa.array([result.item.video_id])
    )
    label = pa.DictionaryArray.from_arrays(labels.astype(np.int32), pa.array(header.classes))
    columns = [
        video_id,
        np.arange(frames, dtype=np.int32),
        result.times,
        result.score,
        label,
        probability,
        *result.probabilities.T,
    ]
    return pa.table(
        [pa.array(c) if isinstance(c, np.ndarray) else c for c in columns],
        schema=scores_schema(header),
    )
