"""The Parquet parts of a folder of scores: found, read and checked; foreign ones are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stores.files.locations import openable
from stores.files.requests import side_by_side
from stores.records import StoreError
from stores.scores.schema import EVENTS_SCHEMA, VIDEOS_SCHEMA, ScoreHeader, scores_schema

KINDS = ("scores", "events", "videos")
"""The folders of a part, in the order they are committed."""


def folder_header(folder: Path) -> ScoreHeader:
    """Return the header that all parts of a folder of scores have in common.

    Raises:
        StoreError: Nothing was scored there, a part is damaged or not ours, or they are of two
            rules because what was to give them another one did not come to its end.
    """
    headers = list(side_by_side(read_header, parts_in(folder, "videos"), folder))
    if not headers:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    if any(header != headers[0] for header in headers):
        raise StoreError(
            f"{folder} holds events of two rules: the `events`, `score` or `watch` that was to "
            "replace one of them did not come to its end; run it again"
        )
    return headers[0]


@dataclass(frozen=True, slots=True)
class OpenPart:
    """A part whose footer was read: its file is open, its header and its columns are ours."""

    path: Path
    file: pq.ParquetFile
    header: ScoreHeader


def open_part(part: Path) -> OpenPart:
    """Open one Parquet part; the caller closes its file.

    Raises:
        StoreError: It is damaged, not ours or of another version.
    """
    with _reading(part):
        file = pq.ParquetFile(openable(part), page_checksum_verification=True)
        schema = file.schema_arrow
        header = ScoreHeader.from_metadata(schema.metadata or {}, part)
        fixed = {"events": EVENTS_SCHEMA, "videos": VIDEOS_SCHEMA}
        expected = fixed.get(part.parent.name) or scores_schema(header)
        if (schema.names, schema.types) != (expected.names, expected.types):
            raise TypeError("columns that are not those of this version")
        return OpenPart(part, file, header)


def read_header(part: Path) -> ScoreHeader:
    """Return the header of one Parquet part; errors as in open_part."""
    opened = open_part(part)
    opened.file.close()
    return opened.header


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


def whole_parts(folder: Path, kind: str) -> list[Path]:
    """Return the committed parts of a kind, after checking that no video's scores or events lack.

    Raises:
        StoreError: A part of ``videos/`` has no other half; it is named.
    """
    whole = parts_in(folder, "videos")  # first: it is written last
    halves = parts_in(folder, kind)
    names = {half.name for half in halves}
    for part in whole:
        if part.name.startswith("part-") and part.name not in names:
            half = folder / kind / part.name
            raise StoreError(f"{half} is missing; move {part} away and score its videos again")
    return halves


def read_part(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return some columns of a part, or all, its checksums compared; errors as in open_part."""
    names = None if columns is None else list(columns)
    opened = open_part(part)
    with _reading(part), opened.file as file:
        return file.read(columns=names)


def refuse_gaps(table: pa.Table, part: Path) -> None:
    """Raise StoreError where a column of ``scores/`` misses values or holds such as NaN."""
    for name in table.column_names:
        column = table[name]
        odd = pa.types.is_floating(column.type) and pc.all(pc.is_finite(column)).as_py() is False
        if odd or column.null_count:
            raise StoreError(
                f"{part}: {name} has values that are missing or not finite; move it away and score "
                "again"
            )


def iterate_videos(
    part: OpenPart, columns: Sequence[str], wanted: Set[str]
) -> Iterator[tuple[str, pa.Table]]:
    """Yield id and rows of each video of a part of ``scores/``, at least of those that are wanted.

    What is held is one video and one row group; groups that hold no wanted video are skipped. At
    the end the part is closed. Errors are as in open_part.
    """
    held: list[pa.Table] = []
    current = ""
    with _reading(part.path), part.file as file:
        for group in range(file.num_row_groups):
            if not _may_hold(file.metadata.row_group(group).column(0), wanted):
                continue
            table = file.read_row_group(group, columns=["video_id", *columns])
            for video_id, rows in _split(table):
                if held and video_id != current:
                    yield current, pa.concat_tables(held)
                    held = []
                current = video_id
                held.append(rows.select(columns))
    if held:
        yield current, pa.concat_tables(held)


def _may_hold(ids: pq.ColumnChunkMetaData, wanted: Set[str]) -> bool:
    bounds = ids.statistics
    if bounds is None or not bounds.has_min_max:
        return True
    return any(bounds.min <= video_id <= bounds.max for video_id in wanted)


def _split(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield id and rows of each stretch of equal ids."""
    ids = table["video_id"].unify_dictionaries()
    codes = ids.combine_chunks().indices.to_numpy()
    edges = sorted({0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1), len(codes)})
    for start, end in pairwise(edges):
        yield str(ids[start].as_py()), table.slice(start, end - start)
