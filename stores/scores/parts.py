"""The Parquet parts of a folder of scores: found, told from foreign ones, read and checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stores.files.locations import openable
from stores.records import EventRule, StoreError
from stores.scores.schema import (
    EVENTS_SCHEMA,
    SCHEMA_VERSION,
    VIDEOS_SCHEMA,
    ScoreHeader,
    scores_schema,
)

KINDS = ("scores", "events", "videos")
"""The folders of a part, in the order they are committed."""


def folder_header(folder: Path) -> ScoreHeader:
    """Return the header that all parts of a folder of scores have in common.

    Raises:
        StoreError: Nothing was scored there, or a part is damaged or not ours.
    """
    parts = parts_in(folder, "videos")
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
        expected = _schema_of(part.parent.name, header)
        if (schema.names, schema.types) != (expected.names, expected.types):
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


def parts_in(folder: Path, kind: str) -> list[Path]:
    """Return the committed parts; one that is being written has a name that begins with a dot."""
    return sorted(p for p in (folder / kind).glob("*.parquet") if not p.name.startswith("."))


def read_rows(part: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a part; none where it is gone, as a failure's once it was scored."""
    try:
        rows: list[dict[str, Any]] = read_part(part, columns).to_pylist()
    except StoreError:
        if part.exists():
            raise
        return []
    return rows


def read_part(
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
