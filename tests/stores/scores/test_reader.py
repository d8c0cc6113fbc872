"""What was written comes back; Parquet of others is refused by name, and never removed."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.records import EventRule, Failure, StoreError, VideoItem, VideoScores
from stores.scores.reader import (
    check_part,
    open_scores,
    read_events,
    read_scores,
    read_videos,
    remove_other_parts,
)
from stores.scores.schema import EVENTS_SCHEMA, VIDEOS_SCHEMA, ScoreHeader
from stores.scores.writer import failure_name, write_scores
from stores.verify import check_tree

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule())
ITEM = VideoItem("a.mp4", "/videos/a.mp4")


def made(video_id="a.mp4", frames=100, seed=0):
    score = np.random.default_rng(seed).random(frames, dtype=np.float32)
    return VideoScores(
        VideoItem(video_id, f"/videos/{video_id}"),
        np.arange(frames) / 25,
        score,
        np.stack([1 - score, score], axis=1),
    )


@pytest.fixture
def folder(tmp_path):
    write_scores(tmp_path, HEADER, label_all([made()], HEADER))
    return tmp_path


def assert_equal(found, expected):
    assert [each.item for each in found] == [each.item for each in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.score, theirs.score)
        np.testing.assert_array_equal(ours.times, theirs.times)
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)


def test_videos_come_back_one_by_one_and_only_those_asked_for(tmp_path):
    videos = [made(f"{name}.mp4", frames=40 + seed, seed=seed) for seed, name in enumerate("abc")]
    write_scores(tmp_path, HEADER, label_all(videos, HEADER))
    items = [video.item for video in videos]
    assert_equal(list(read_scores(tmp_path, items)), videos)
    assert_equal(list(read_scores(tmp_path, items[1:2])), videos[1:2])
    assert list(read_scores(tmp_path, [VideoItem("d.mp4", "")])) == []


@pytest.mark.parametrize("kind", ["scores", "events"])
def test_a_part_that_is_missing_is_not_passed_over(folder, kind):
    write_scores(folder, HEADER, [], [Failure(VideoItem("b.mp4", "/b.mp4"), "no picture")])
    (part,) = (folder / kind).iterdir()
    part.unlink()
    with pytest.raises(
        StoreError, match=f"{part} is missing; move {folder / 'videos' / part.name}"
    ):
        READERS[kind](folder)


def test_what_a_killed_run_did_not_commit_is_not_read(tmp_path):
    first, second = made("a.mp4", 20, 0), made("b.mp4", 20, 1)
    write_scores(tmp_path, HEADER, label_all([first], HEADER))
    (committed,) = (tmp_path / "videos").iterdir()
    write_scores(tmp_path, HEADER, label_all([second], HEADER))
    for path in (tmp_path / "videos").iterdir():
        if path != committed:
            path.unlink()
    assert_equal(list(read_scores(tmp_path, [first.item, second.item])), [first])


def test_a_damaged_part_is_named(tmp_path):
    video = made(frames=2000)
    write_scores(tmp_path, HEADER, label_all([video], HEADER))
    (part,) = (tmp_path / "scores").iterdir()
    data = bytearray(part.read_bytes())
    start = pq.ParquetFile(part).metadata.row_group(0).column(3).data_page_offset
    data[start + 200] ^= 0xFF
    part.write_bytes(data)
    with pytest.raises(StoreError, match=rf"damaged.*{part.name}"):
        list(read_scores(tmp_path, [video.item]))


def test_rows_of_some_parts_alone(folder):
    failure = Failure(VideoItem("b.mp4", "/videos/b.mp4"), "no picture")
    write_scores(folder, HEADER, [], [failure])
    assert [v.video_id for v in read_videos(folder)] == ["a.mp4", "b.mp4"]
    names = [failure_name("b.mp4"), failure_name("gone.mp4")]
    assert [(v.video_id, v.reason) for v in read_videos(folder, names)] == [("b.mp4", "no picture")]


READERS = {
    "videos": read_videos,
    "events": read_events,
    "scores": lambda folder: list(read_scores(folder, [ITEM])),
}


def _foreign(schema, **metadata):
    ours = {key.decode(): value.decode() for key, value in HEADER.metadata().items()}
    return schema.with_metadata(ours | metadata).empty_table()


FOREIGN = {
    "no metadata": pa.table({"video_id": ["x"], "score": [0.5]}),
    "other columns": _foreign(pa.schema([("video_id", pa.string())])),
    "columns of other types": _foreign(
        pa.schema([(name, pa.string()) for name in VIDEOS_SCHEMA.names])
    ),
    "another version": _foreign(EVENTS_SCHEMA, schema_version="99"),
    "classes that are no list": _foreign(EVENTS_SCHEMA, classes="7"),
    "no classes": _foreign(EVENTS_SCHEMA, classes="[]"),
    "classes that are no JSON": _foreign(EVENTS_SCHEMA, classes="{"),
    "another rule": _foreign(EVENTS_SCHEMA, event_rule=json.dumps({"limit": 3})),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("maker", FOREIGN)
def test_another_makers_parquet_is_refused_with_its_name(folder, kind, maker):
    path = folder / kind / "mine.parquet"
    pq.write_table(FOREIGN[maker], path)
    with pytest.raises(StoreError, match=f"{path}"):
        READERS[kind](folder)
    assert [c.reason for c in check_tree(folder) if c.reason] == [
        f"{folder}: mine.parquet is no part of scores; move it out of the folder"
    ]


def rewrite(folder, kind, column, value):
    """Put ``value`` for the first row's value of a column of the only part of a kind."""
    (part,) = (folder / kind).iterdir()
    table = pq.read_table(part)
    place = table.schema.get_field_index(column)
    values = [value, *table[column].to_pylist()[1:]]
    field = table.schema.field(place)
    column = pa.array(values, field.type)
    pq.write_table(table.set_column(place, field.with_nullable(True), column), part)
    return part


@pytest.mark.parametrize(
    ("kind", "column", "value", "said"),
    [
        ("videos", "frames", None, r"rows: \[0\]\.frames: expected `int`, got `null`"),
        ("videos", "status", None, r"rows: \[0\]\.status: expected `str`, got `null`"),
        ("videos", "peak", float("nan"), r"rows: \[0\]\.peak: expected `float`"),
        ("videos", "events", -1, r"rows: \[0\]\.events: expected `int` >= 0"),
        ("events", "video_id", None, r"video_id: \[0\]: expected `str`, got `null`"),
        ("events", "peak", float("inf"), r"event of a.mp4: peak: expected `float`"),
        ("scores", "score", float("nan"), "score has values that are missing or not finite"),
        ("scores", "score", None, "score has values that are missing or not finite"),
        ("scores", "time", float("inf"), "time has values that are missing or not finite"),
        ("scores", "p_fire", None, "p_fire has values that are missing or not finite"),
    ],
)
def test_values_that_cannot_be_are_named_and_are_not_whole(folder, kind, column, value, said):
    score = np.full(100, 0.9, np.float32)
    write_scores(folder, HEADER, label_all([replace(made(), score=score)], HEADER))
    part = rewrite(folder, kind, column, value)
    with pytest.raises(StoreError, match=f"{part}: {said}"):
        READERS[kind](folder)
    (reason,) = [each.reason for each in check_tree(folder) if each.reason]
    assert reason.startswith(str(part))


@pytest.mark.parametrize("kind", ["scores", "events"])
def test_what_others_left_is_never_removed(folder, kind):
    path = folder / kind / "mine.parquet"
    pq.write_table(FOREIGN["no metadata"], path)
    open_scores(folder, HEADER)
    remove_other_parts(folder, HEADER, kept="")
    assert path.is_file()


def test_other_parts_are_removed_and_damaged_ones_too(folder):
    write_scores(folder, HEADER, label_all([made("b.mp4")], HEADER))
    kept, other = sorted((folder / "videos").iterdir())
    other.write_bytes(b"PAR1")
    remove_other_parts(folder, HEADER, kept=kept.name)
    for kind in ("scores", "events", "videos"):
        assert [part.name for part in (folder / kind).iterdir()] == [kept.name]
    theirs = ScoreHeader(HEADER.classes, "x" * 16, HEADER.recipe_fingerprint, HEADER.rule)
    remove_other_parts(folder, theirs, kept=kept.name)
    assert list(folder.rglob("*.parquet")) == []


def test_a_part_whose_files_do_not_go_together_is_named(folder):
    (part,) = (folder / "videos").iterdir()
    check_part(folder, part.name)
    scores = folder / "scores" / part.name
    pq.write_table(pq.read_table(scores).slice(1), scores, write_page_checksum=True)
    with pytest.raises(StoreError, match="has 99 rows, not those of its videos"):
        check_part(folder, part.name)
    part.unlink()
    with pytest.raises(StoreError, match=f"the run that wrote {part.name} did not come to its end"):
        check_part(folder, part.name)


def test_opening_drops_parts_whose_video_rows_never_came(tmp_path):
    write_scores(tmp_path, HEADER, label_all([made("a.mp4")], HEADER))
    write_scores(tmp_path, HEADER, label_all([made("b.mp4")], HEADER))
    next((tmp_path / "videos").iterdir()).unlink()
    (done,) = open_scores(tmp_path, HEADER)
    assert len(list((tmp_path / "scores").iterdir())) == 1
    found = read_scores(tmp_path, [made("a.mp4").item, made("b.mp4").item])
    assert [each.item.video_id for each in found] == [done.video_id]


@pytest.mark.parametrize("kind", ["scores", "events", "videos"])
def test_nothing_is_written_or_removed_through_a_link(folder, tmp_path, kind):
    """The parts of somebody else's folder, to which a folder below this one leads."""
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / kind).symlink_to(folder / kind)
    before = sorted((folder / kind).iterdir())
    for step in (
        lambda: open_scores(ours, HEADER),
        lambda: remove_other_parts(ours, HEADER, kept=""),
        lambda: write_scores(ours, HEADER, label_all([made()], HEADER)),
    ):
        with pytest.raises(StoreError, match=f"{kind} is a link"):
            step()
    assert sorted((folder / kind).iterdir()) == before


def test_opening_refuses_scores_of_another_model(tmp_path):
    write_scores(tmp_path, HEADER, label_all([made("a.mp4")], HEADER))
    other = ScoreHeader(HEADER.classes, "x" * 16, HEADER.recipe_fingerprint, HEADER.rule)
    with pytest.raises(StoreError, match=r"another run \(model_fingerprint m+, now x+\)"):
        open_scores(tmp_path, other)


def test_a_cut_or_foreign_file_is_named(tmp_path):
    write_scores(tmp_path, HEADER, label_all([made("a.mp4")], HEADER))
    (part,) = (tmp_path / "videos").iterdir()
    pd.DataFrame({"x": [1]}).to_parquet(part)
    with pytest.raises(StoreError, match=f"damaged or foreign Parquet file {part}"):
        open_scores(tmp_path, HEADER)
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(StoreError, match="move it away and score again"):
        read_videos(tmp_path)


def test_scoring_a_failed_video_later_takes_its_failure_away(tmp_path):
    good, late = made("a.mp4"), made("b.mp4")
    write_scores(
        tmp_path,
        HEADER,
        label_all([good], HEADER),
        [Failure(late.item, "timed out", 2)],
    )
    assert [v.status for v in open_scores(tmp_path, HEADER)] == ["ok", "failed"]
    write_scores(tmp_path, HEADER, label_all([late], HEADER))
    assert [v.status for v in open_scores(tmp_path, HEADER)] == ["ok", "ok"]
    assert [v.status for v in read_videos(tmp_path)] == ["ok", "ok"]


def test_parts_whose_columns_may_be_null_are_read_beside_newer_ones(tmp_path):
    write_scores(tmp_path, HEADER, label_all([made("a.mp4")], HEADER))
    (part,) = (tmp_path / "scores").iterdir()
    table = pq.read_table(part)
    fields = [field.with_nullable(True) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields, table.schema.metadata)), part)
    write_scores(tmp_path, HEADER, label_all([made("b.mp4")], HEADER))
    back = read_scores(tmp_path, [made("a.mp4").item, made("b.mp4").item])
    assert {each.item.video_id for each in back} == {"a.mp4", "b.mp4"}


def test_where_the_clock_steps_comes_back_so_that_events_can_be_found_again(tmp_path):
    stepped = replace(made("a.mp4"), clock_steps=(30, 41))
    write_scores(tmp_path, HEADER, label_all([stepped, made("b.mp4")], HEADER))
    found = read_scores(tmp_path, [stepped.item, made("b.mp4").item])
    assert [each.clock_steps for each in found] == [(30, 41), ()]
