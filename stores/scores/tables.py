"""Small tables of results, one row a measurement: as Parquet for plotting, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stores.files.commit import committing

Value = str | int | float | bool | None


def write_table(path: Path, rows: Sequence[Mapping[str, Value]]) -> None:
    """Commit rows as a Parquet file, null where a row lacks a column; errors as in committing."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    with committing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
