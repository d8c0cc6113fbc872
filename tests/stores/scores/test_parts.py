import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.records import EventRule, StoreError, VideoItem, VideoScores
from stores.scores.parts import (
    folder_header,
    iterate_videos,
    open_part,
    parts_in,
    read_header,
    read_part,
)
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

HEADER = ScoreHeader(("normal", "fire"), "m", "r", EventRule())
VIDEOS = {"a.mp4": 33, "b.mp4": 1, "c.mp4": 60}


@pytest.fixture
def part(tmp_path):
    """The part of ``scores/`` of three videos."""
    videos = [
        VideoScores(
            VideoItem(name, f"/videos/{name}"),
            np.arange(frames) / 25,
            np.linspace(0, 1, frames, dtype=np.float32),
            np.full((frames, 2), 0.5, np.float32),
        )
        for name, frames in VIDEOS.items()
    ]
    write_scores(tmp_path, HEADER, label_all(videos, HEADER))
    (part,) = (tmp_path / "scores").iterdir()
    return part


def test_a_folder_has_the_header_of_its_parts(part, tmp_path):
    folder = part.parents[1]
    for kind in ("scores", "events", "videos"):
        assert read_header(folder / kind / part.name) == folder_header(folder) == HEADER
    with pytest.raises(StoreError, match=r"no scores in .*nothing; run `make score`"):
        folder_header(tmp_path / "nothing")


def test_what_is_being_written_is_no_part(part):
    part.with_name(".partial-0-part-1.parquet").write_bytes(b"PAR1")
    assert parts_in(part.parents[1], "scores") == [part]


@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
def test_how_rows_are_grouped_does_not_matter(part, rows):
    table = pq.read_table(part)
    pq.write_table(table, part, row_group_size=rows, write_page_checksum=True)
    found = list(iterate_videos(open_part(part), ["frame", "score"], VIDEOS.keys()))
    assert [(video_id, len(rows)) for video_id, rows in found] == list(VIDEOS.items())
    for video_id, rows in found:
        assert rows.column_names == ["frame", "score"]
        mine = table.filter(pa.compute.equal(table["video_id"].cast(pa.string()), video_id))
        assert rows.to_pydict() == mine.select(rows.column_names).to_pydict()


def test_row_groups_of_other_videos_are_not_read(part):
    """What is damaged there is not seen, so it was not read."""
    with pq.ParquetFile(part) as file:
        start = file.metadata.row_group(0).column(3).data_page_offset
    data = bytearray(part.read_bytes())
    data[start + 20] ^= 0xFF
    part.write_bytes(data)
    ((video_id, rows),) = iterate_videos(open_part(part), ["score"], {"c.mp4"})
    assert (video_id, len(rows)) == ("c.mp4", 60)
    with pytest.raises(StoreError, match=f"damaged or foreign Parquet file {part}"):
        list(iterate_videos(open_part(part), ["score"], {"a.mp4"}))


def test_files_without_statistics_are_read_to_the_end(part):
    pq.write_table(pq.read_table(part), part, write_statistics=False)
    found = [video_id for video_id, _ in iterate_videos(open_part(part), ["score"], {"c.mp4"})]
    assert "c.mp4" in found


def test_a_part_without_rows_has_no_videos(part):
    pq.write_table(pq.read_table(part).slice(0, 0), part)
    assert list(iterate_videos(open_part(part), ["score"], VIDEOS.keys())) == []
    assert read_part(part).num_rows == 0


def test_parquet_that_is_not_ours_is_named(part):
    pq.write_table(pa.table({"x": [1]}), part)
    for read in (read_header, read_part):
        with pytest.raises(StoreError, match=f"damaged or foreign Parquet file {part}"):
            read(part)


def test_another_users_part_is_named(public, without_privileges):
    path = public / "videos" / "part-0.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"x": [1]}), path)
    path.chmod(0)
    with without_privileges(), pytest.raises(StoreError, match=f"{path}: no permission to read"):
        read_header(path)
