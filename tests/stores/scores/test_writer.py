import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.records import DecodeAudit, EventRule, Failure, StoreError, VideoItem, VideoScores
from stores.scores.parts import read_header
from stores.scores.reader import prepare, read_events, read_scores, read_videos
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

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
    back = read_scores(tmp_path, [first.item, second.item, failure.item])
    assert set(back) == {"a.mp4", "b.mp4"}
    for original in (first, second):
        copy = back[original.item.video_id]
        np.testing.assert_array_equal(copy.score, original.score)
        np.testing.assert_array_equal(copy.times, original.times)
        np.testing.assert_array_equal(copy.probabilities, original.probabilities)


def test_what_is_being_written_is_not_seen(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    for kind in ("scores", "events", "videos"):
        (tmp_path / kind / ".partial-0-part-1.parquet").write_bytes(b"PAR1")
    assert [v.video_id for v in read_videos(tmp_path)] == ["a.mp4"]
    assert len(read_events(tmp_path)) == 1
    assert set(read_scores(tmp_path, [VideoItem("a.mp4", "")])) == {"a.mp4"}


def test_duckdb_and_pandas_open_the_folder_as_it_is(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    write_scores(tmp_path, HEADER, label_all([scored("b.mp4")], HEADER))
    rows = duckdb.sql(
        f"select video_id, count(*), max(score) from '{tmp_path}/scores/*.parquet' "
        "group by video_id order by video_id"
    ).fetchall()
    assert [(row[0], row[1], round(row[2], 4)) for row in rows] == [
        ("a.mp4", 100, 0.9),
        ("b.mp4", 100, 0.9),
    ]
    table = pd.read_parquet(tmp_path / "scores")
    assert list(table.columns) == [
        *("video_id", "frame", "time", "score", "label", "label_probability", "p_normal", "p_fire")
    ]
    assert set(table["label"]) == {"normal", "fire"}


def test_metadata_states_schema_model_recipe_and_rule(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    for kind in ("scores", "events", "videos"):
        (part,) = (tmp_path / kind).iterdir()
        assert read_header(part) == HEADER
        assert pq.read_schema(part).metadata[b"schema_version"] == b"2"


def test_prepare_drops_parts_whose_video_rows_never_came(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    write_scores(tmp_path, HEADER, label_all([scored("b.mp4")], HEADER))
    next((tmp_path / "videos").iterdir()).unlink()
    (done,) = prepare(tmp_path, HEADER)
    assert len(list((tmp_path / "scores").iterdir())) == 1
    assert set(read_scores(tmp_path, [scored().item, scored("b.mp4").item])) == {done.video_id}


def test_prepare_refuses_scores_of_another_model(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    other = ScoreHeader(HEADER.classes, "x" * 16, HEADER.recipe_fingerprint, HEADER.rule)
    with pytest.raises(StoreError, match=r"another run \(model_fingerprint m+, now x+\)"):
        prepare(tmp_path, other)


def test_a_cut_or_foreign_file_is_named(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    (part,) = (tmp_path / "videos").iterdir()
    pd.DataFrame({"x": [1]}).to_parquet(part)
    with pytest.raises(StoreError, match=f"damaged or foreign Parquet file {part}"):
        prepare(tmp_path, HEADER)
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(StoreError, match="move it away and score again"):
        read_videos(tmp_path)


def test_scoring_a_failed_video_later_takes_its_failure_away(tmp_path):
    good, late = scored(), scored("b.mp4")
    write_scores(
        tmp_path,
        HEADER,
        label_all([good], HEADER),
        [Failure(late.item, "timed out", 2)],
    )
    assert [v.status for v in prepare(tmp_path, HEADER)] == ["ok", "failed"]
    write_scores(tmp_path, HEADER, label_all([late], HEADER))
    assert [v.status for v in prepare(tmp_path, HEADER)] == ["ok", "ok"]
    assert [v.status for v in read_videos(tmp_path)] == ["ok", "ok"]


def test_parts_whose_columns_may_be_null_are_read_beside_newer_ones(tmp_path):
    write_scores(tmp_path, HEADER, label_all([scored()], HEADER))
    (part,) = (tmp_path / "scores").iterdir()
    table = pq.read_table(part)
    fields = [field.with_nullable(True) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields, table.schema.metadata)), part)
    write_scores(tmp_path, HEADER, label_all([scored("b.mp4")], HEADER))
    back = read_scores(tmp_path, [scored().item, scored("b.mp4").item])
    assert set(back) == {"a.mp4", "b.mp4"}
