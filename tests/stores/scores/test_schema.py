import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stores.records import (
    ClockStep,
    DecodeAudit,
    EventRule,
    Failure,
    LostFrames,
    ScoredEvent,
    StoreError,
    VideoItem,
    VideoScores,
)
from stores.scores.schema import (
    EVENTS_SCHEMA,
    VIDEOS_SCHEMA,
    ScoreHeader,
    class_columns,
    event_of,
    event_row,
    failure_row,
    scores_schema,
    video_row,
)

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule(0.1 + 0.2), 1 / 3)
PART = Path("/scores/events/part-0.parquet")
EVENT = ScoredEvent(16, 40, 0.64, 1.6, "fire", 0.9, 0.7)
AUDIT = DecodeAudit("pyav", 50, 50, 2.0)


def test_a_header_comes_back_from_its_metadata_exactly():
    for header in (HEADER, replace(HEADER, score_temperature=None)):
        assert ScoreHeader.from_metadata(header.metadata(), PART) == header


CHANGES = {
    b"classes": (7, r"classes: expected `array`, got `int`"),
    b"event_rule": (
        {"threshold": "x", "release": 1, "minimum_frames": 1, "longest_gap": 2},
        r"rule\.threshold: expected `float`, got `str`",
    ),
    b"score_temperature": ("x", r"score_temperature: expected `float \| null`, got `str`"),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_value_of_another_type_is_named(key):
    value, said = CHANGES[key]
    with pytest.raises(StoreError, match=f"{PART}: {said}"):
        ScoreHeader.from_metadata(HEADER.metadata() | {key: json.dumps(value).encode()}, PART)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (b"event_rule", b'{"limit": 3}', "rule: got limit, of another version"),
        (b"event_rule", b"[]", "rule: expected `object`, got `array`"),
        (b"event_rule", b"[" * 10_000, "rule: maximum recursion"),
        (b"event_rule", b"{", "rule: expecting property name"),
        (
            b"event_rule",
            b'{"threshold": NaN, "release": 1, "minimum_frames": 1, "longest_gap": 2}',
            r"rule\.threshold: expected `float` >= 0",
        ),
        (b"score_temperature", b"0", r"score_temperature: expected `float` > 0"),
        (b"score_temperature", b"NaN", r"score_temperature: expected `float` > 0"),
    ],
)
def test_a_damaged_or_impossible_value_is_named(key, text, said):
    with pytest.raises(StoreError, match=f"{PART}: {said}"):
        ScoreHeader.from_metadata(HEADER.metadata() | {key: text}, PART)


def test_a_key_that_is_missing_is_named_in_words():
    with pytest.raises(TypeError, match="its metadata have no classes, event_rule, model_finger"):
        ScoreHeader.from_metadata({b"schema_version": b"3"}, PART)


@pytest.mark.parametrize("version", [b"1", b"4"])
def test_files_of_earlier_versions_are_refused_by_name(version):
    """They do not say what their videos' files held, or have columns of other names."""
    metadata = HEADER.metadata() | {b"schema_version": version}
    with pytest.raises(StoreError, match=f"{PART} has schema ., expected 5; move its folder away"):
        ScoreHeader.from_metadata(metadata, PART)


def test_every_class_has_a_column_and_no_value_may_be_missing():
    schema = scores_schema(HEADER)
    assert schema.names[-2:] == ["p_normal", "p_fire"]
    assert not any(field.nullable for field in schema)
    assert ScoreHeader.from_metadata(schema.metadata, PART) == HEADER


@pytest.mark.parametrize(
    ("classes", "columns"),
    [
        (("normal", "Road Accident", "RoadAccidents"), "normal road_accident roadaccidents"),
        (("a b", "a-b", "A  B!", "a b 2"), "a_b a_b_2 a_b_3 a_b_2_2"),
        (("Überfall", "café", "ﬁre"), "uberfall cafe fire"),
        (("normal", "火灾", '$\n"', ""), "normal class_1 class_2 class_3"),
        (("class_1", "драка"), "class_1 class_1_2"),
        (("7", "select", "p_x"), "7 select p_x"),
    ],
)
def test_columns_of_classes_need_no_quotes_and_are_unique(classes, columns):
    assert class_columns(classes) == [f"p_{name}" for name in columns.split()]


def test_an_event_comes_back_from_its_row():
    row = event_row(EVENT)
    assert ["video_id", *sorted(row)] == ["video_id", *sorted(EVENTS_SCHEMA.names[1:])]
    assert event_of(row, PART) == EVENT


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peak": None}, r"peak: expected `float`, got `null`"),
        ({"mean": float("nan")}, r"mean: expected `float` >= -1e\+300"),
        ({"start_frame": -1}, r"start: expected `int` >= 0"),
        ({"end_time": 1e308}, r"end_time: expected `float` <= 1e\+300"),
        ({"label": None}, r"label: expected `str`, got `null`"),
    ],
)
def test_a_row_with_an_impossible_value_is_named(changes, said):
    row = {"video_id": "a.mp4"} | event_row(EVENT) | changes
    with pytest.raises(StoreError, match=f"{PART}: event of a.mp4: {said}"):
        event_of(row, PART)


@pytest.mark.parametrize(
    ("audit", "status", "reason"),
    [
        (None, "ok", ""),
        (replace(AUDIT, note="rate assumed"), "ok", "rate assumed"),
        (replace(AUDIT, expected_frames=60), "mismatch", "50 frames decoded of 60 announced"),
        (replace(AUDIT, partial=True, note="x"), "partial", "decoding ended early: x"),
    ],
)
def test_the_row_of_a_video_states_its_status_and_its_strongest_event(audit, status, reason):
    score = np.linspace(0, 0.5, 50, dtype=np.float32)
    item = VideoItem("a", "/caf\udce9.mp4")
    video = VideoScores(item, np.arange(50) / 25, score, np.stack([1 - score, score], 1), audit)
    row = video_row(video, [replace(EVENT, peak=0.3, label="flood"), EVENT], 2)
    assert set(row) == set(VIDEOS_SCHEMA.names)
    assert (row["status"], row["reason"]) == (status, reason)
    assert (row["label"], row["events"], row["peak"]) == ("fire", 2, 0.5)
    assert (row["path"], row["frames"], row["seconds"]) == (r"/caf\xe9.mp4", 50, 49 / 25)


def test_the_row_of_a_failure_says_why():
    row = failure_row(Failure(VideoItem("a", "/a.mp4"), "no picture", attempts=2), generation=1)
    assert set(row) <= set(VIDEOS_SCHEMA.names)
    assert (row["status"], row["reason"], row["attempts"]) == ("failed", "no picture", 2)
    assert (row["frames"], row["events"], row["generation"]) == (0, 0, 1)


def test_what_was_lost_and_where_the_clock_stepped_is_in_the_row():
    audit = replace(
        AUDIT,
        decoded_frames=47,
        lost_frames=3,
        lost=(LostFrames(1.0, 1.1, 3),),
        steps=(ClockStep(30, 1.2, -3600.0),),
    )
    times, score = np.arange(47) / 25, np.zeros(47, np.float32)
    kinds = np.ones((47, 2), np.float32)
    row = video_row(VideoScores(VideoItem("v", "/v.mp4"), times, score, kinds, audit), [], 0)
    assert (row["lost_frames"], row["clock_steps"]) == (3, [30])
    assert row["reason"] == "3 frames lost at 1.0 to 1.1 s; the clock steps 3,600.0 s back at 1.2 s"
    assert pa.Table.from_pylist([row], VIDEOS_SCHEMA).to_pylist() == [row]
