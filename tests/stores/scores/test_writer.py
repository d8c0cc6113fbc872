from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from fastparquet import ParquetFile

from model.scoring.events import label_all
from stores.records import DecodeAudit, EventRule, Failure, VideoItem, VideoScores
from stores.scores.parts import read_header
from stores.scores.reader import read_events, read_scores, read_videos
from stores.scores.schema import ScoreHeader
from stores.scores.writer import (
    failure_name,
    is_ours,
    part_name,
    score_table,
    write_scores,
)

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule())


def scored(video_id="a.mp4", frames=100, peak=slice(32, 64)):
    score = np.full(frames, 0.1, dtype=np.float32)
    score[peak] = 0.9
    return VideoScores(
        item=VideoItem(video_id, f"/videos/{video_id}"),
        times=np.arange(frames) / 25,
        score=score,
        probabilities=np.stack([1 - score, score], axis=1),
        audit=DecodeAudit("pyav", frames, frames, frames / 25),
    )


def test_round_trip_of_scores_events_and_videos(tmp_path):
    first, second = scored(), scored("b.mp4", frames=33, peak=slice(0, 0))
    failure = Failure(VideoItem("c.mp4", "/videos/c.mp4"), "no video stream")
    write_scores(tmp_path, HEADER, label_all([first, second], HEADER), [failure])
    videos = read_videos(tmp_path)
    assert [(v.video_id, v.status, v.frames, v.events) for v in videos] == [
        ("a.mp4", "ok", 100, 1),
        ("b.mp4", "ok", 33, 0),
        ("c.mp4", "failed", 0, 0),
    ]
    assert videos[2].reason == "no video stream"
    ((video_id, event),) = read_events(tmp_path)
    assert (video_id, event.start, event.end, event.label) == ("a.mp4", 32, 64, "fire")
    back = list(read_scores(tmp_path, [first.item, second.item, failure.item]))
    assert [copy.item.video_id for copy in back] == ["a.mp4", "b.mp4"]
    for original, copy in zip((first, second), back, strict=True):
        np.testing.assert_array_equal(copy.score, original.score)
        np.testing.assert_array_equal(copy.times, original.times)
        np.testing.assert_array_equal(copy.probabilities, original.probabilities)


def test_what_is_being_written_is_not_seen(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    for kind in ("scores", "events", "videos"):
        (tmp_path / kind / ".partial-0-part-1.parquet").write_bytes(b"PAR1")
    assert [v.video_id for v in read_videos(tmp_path)] == ["a.mp4"]
    assert len(read_events(tmp_path)) == 1
    assert len(list(read_scores(tmp_path, [VideoItem("a.mp4", "")]))) == 1


def read_with_fastparquet(path):
    with path.open("rb") as file:  # it leaves files open that it opens itself
        return ParquetFile(file).to_pandas()


READERS = {
    "pyarrow": lambda folder: pq.read_table(folder).to_pandas(),
    "pandas": pd.read_parquet,
    "fastparquet": lambda folder: pd.concat(map(read_with_fastparquet, folder.iterdir())),
    "polars": lambda folder: pl.read_parquet(folder / "*.parquet").to_pandas(),
    "duckdb": lambda folder: duckdb.sql(f"from '{folder}/*.parquet'").df(),
}


def comparable(table):
    """Rows in order of video and frame, missing values being None whatever the reader's are."""
    rows = [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in table.astype(object).to_dict("records")
    ]
    return sorted(rows, key=lambda row: (row["video_id"], row.get("frame", 0)))


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_reads_the_folder_as_it_is(tmp_path, reader):
    """Missing values, a failure, a part without events and names beyond ASCII among it."""
    first, second = scored(), replace(scored("é b.mp4"), audit=None)
    failure = Failure(VideoItem("c.mp4", "/videos/c.mp4"), "no video stream")
    write_scores(tmp_path, HEADER, label_all([first, second], HEADER), [failure])
    write_scores(tmp_path, HEADER, label_all([scored("d.mp4", peak=slice(0, 0))], HEADER))
    for kind, count in (("scores", 300), ("events", 2), ("videos", 4)):
        files = (tmp_path / kind).iterdir()
        rows = [row for path in files for row in pq.read_table(path).to_pylist()]
        assert len(rows) == count
        assert comparable(READERS[reader](tmp_path / kind)) == comparable(pd.DataFrame(rows))


def test_encodings_are_those_that_every_reader_knows(tmp_path):
    """Spark's vectorised reader and fastparquet know no byte streams, BigQuery no other codec."""
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    known = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "DELTA_BINARY_PACKED"}
    for path in tmp_path.rglob("*.parquet"):
        group = pq.read_metadata(path).row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        assert set().union(*(column.encodings for column in columns)) <= known
        assert {column.compression for column in columns} == {"ZSTD"}


def test_classes_are_asked_for_in_sql_without_quotes(tmp_path):
    """And read back under their own names, whatever these are."""
    header = replace(HEADER, classes=("normal", 'Road "Accident"\n$'))
    write_scores(tmp_path, header, label_all([scored()], header))
    query = f"select max(p_road_accident) from '{tmp_path}/scores/*.parquet'"
    assert duckdb.sql(query).fetchall() == [(pytest.approx(0.9),)]
    (part,) = (tmp_path / "scores").iterdir()
    assert read_header(part).classes == header.classes
    assert pq.read_schema(part).field("p_road_accident").metadata[b"class"] == (
        header.classes[1].encode()
    )
    (back,) = read_scores(tmp_path, [VideoItem("a.mp4", "")])
    np.testing.assert_array_equal(back.probabilities, scored().probabilities)


def test_metadata_states_schema_model_recipe_and_rule(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    for kind in ("scores", "events", "videos"):
        (part,) = (tmp_path / kind).iterdir()
        assert read_header(part) == HEADER
        assert pq.read_schema(part).metadata[b"schema_version"] == b"6"


def test_the_same_videos_make_the_same_parts(tmp_path):
    for order in (["a.mp4", "b.mp4"], ["b.mp4", "a.mp4"]):
        write_scores(tmp_path, HEADER, label_all([scored(name) for name in order], HEADER))
    name = part_name(HEADER, 0, ["b.mp4", "a.mp4"])
    for kind in ("scores", "events", "videos"):
        assert [part.name for part in (tmp_path / kind).iterdir()] == [name]


def test_names_of_ours_and_of_others():
    assert is_ours(part_name(HEADER, 0, ["a"]))
    assert is_ours(failure_name("a"))
    assert failure_name("a") != failure_name("b")
    assert not any(map(is_ours, ("mine.parquet", "part-0.csv")))


def test_a_table_of_one_video_is_what_is_written(tmp_path):
    (labelled,) = label_all([scored()], HEADER)
    write_scores(tmp_path, HEADER, [labelled])
    (part,) = (tmp_path / "scores").iterdir()
    assert score_table(labelled, HEADER).to_pylist() == pq.read_table(part).to_pylist()
