from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stores.records import (
    ClockStep,
    DecodeAudit,
    Failure,
    LostFrames,
    ScoredEvent,
    StoreError,
    VideoItem,
    VideoScores,
)
from stores.scores.rows import event_of, event_row, failure_row, video_row
from stores.scores.schema import EVENTS_SCHEMA, VIDEOS_SCHEMA

PART = Path("/scores/events/part-0.parquet")
EVENT = ScoredEvent(16, 40, 0.64, 1.6, "fire", 0.9, 0.7)
AUDIT = DecodeAudit("pyav", 50, 50, 2.0)


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
    video = VideoScores(VideoItem("v", "/v.mp4"), times, score, kinds, audit, clock_steps=(30, 41))
    row = video_row(video, [], 0)
    assert (row["lost_frames"], row["clock_steps"]) == (3, "30 41")
    assert row["reason"] == "3 frames lost at 1.0 to 1.1 s; the clock steps 3,600.0 s back at 1.2 s"
    assert pa.Table.from_pylist([row], VIDEOS_SCHEMA).to_pylist() == [row]
