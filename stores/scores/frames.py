"""Frame scores read one video after another, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.records import StoreError, VideoItem, VideoScores
from stores.scores.parts import read_header


def iterate_scores(folder: Path, items: Sequence[VideoItem]) -> Iterator[VideoScores]:
    """Yield the frame scores of the given videos in the order they lie in, each of them once.

    Only committed parts are read, one row group at a time; what is held is one video. A video that
    has no scores is passed over.

    Raises:
        StoreError: A part is damaged or not ours.
    """
    wanted = {item.video_id: item for item in items}
    for part in sorted((folder / "scores").glob("*.parquet")):
        if not (folder / "videos" / part.name).is_file():
            continue  # of a run that is under way, or that did not come to its end
        names = [f"p_{name}" for name in read_header(part).classes]
        for video_id, rows in _videos_of(part, ["time", "score", *names]):
            item = wanted.pop(video_id, None)
            if item is not None:
                yield VideoScores(
                    item=item,
                    times=rows["time"].to_numpy(),
                    score=rows["score"].to_numpy(),
                    probabilities=np.stack([rows[name].to_numpy() for name in names], axis=1),
                )


def _videos_of(part: Path, columns: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each video of a part: neighbouring ones of one id, over row groups."""
    held: list[pa.Table] = []
    current = ""
    try:
        with pq.ParquetFile(part, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["video_id", *columns])
                for video_id, rows in _split(table):
                    if held and video_id != current:
                        yield current, pa.concat_tables(held)
                        held = []
                    current = video_id
                    held.append(rows.select(columns))
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"damaged or foreign Parquet file {part} ({error}); remove it and score again"
        ) from error
    if held:
        yield current, pa.concat_tables(held)


def _split(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    ids = table["video_id"].unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in ids.chunks])
    edges = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1), len(codes)]
    for start, end in pairwise(edges):
        yield str(ids[start].as_py()), table.slice(start, end - start)
