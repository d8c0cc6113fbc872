"""A video that is scored again replaces its old rows in one step, for every reader of ours."""

from dataclasses import replace

import duckdb
import numpy as np
import pytest

from model.scoring.events import label_all
from stores.records import Content, EventRule, Failure, VideoItem, VideoScores
from stores.scores.reader import open_scores, read_events, read_scores, read_videos
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores
from stores.verify import check_tree

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule())


def made(video_id, frames=100, peak=0.9, content=None):
    score = np.full(frames, 0.1, dtype=np.float32)
    score[32:64] = peak
    probabilities = np.stack([1 - score, score], axis=1)
    item = VideoItem(video_id, f"/videos/{video_id}")
    return VideoScores(item, np.arange(frames) / 25, score, probabilities, content=content)


def write(folder, *videos, generation=0, failures=()):
    write_scores(folder, HEADER, label_all(videos, HEADER), failures, generation=generation)


def summary(folder):
    """What each reader of ours says of each video: its frames, its peak, and its events."""
    rows = {row.video_id: (row.frames, row.status) for row in read_videos(folder)}
    items = [VideoItem(name, "") for name in rows]
    scores = {each.item.video_id: each.score.shape[0] for each in read_scores(folder, items)}
    events = [(name, event.peak) for name, event in read_events(folder)]
    return rows, scores, sorted(events)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, made("a"), made("b"), made("c"))
    return tmp_path


def test_the_new_rows_count_from_the_commit_on_and_the_old_go(folder):
    content = Content(5, 10**18, "whole:5")
    write(folder, made("b", frames=70, peak=0.8, content=content), generation=1)
    committed = summary(folder)
    rows, scores, events = committed
    assert rows == {"a": (100, "ok"), "b": (70, "ok"), "c": (100, "ok")}
    assert scores == {"a": 100, "b": 70, "c": 100}
    assert [(name, round(peak, 1)) for name, peak in events] == [("a", 0.9), ("b", 0.8), ("c", 0.9)]
    found = {row.video_id: row for row in open_scores(folder, HEADER)}
    assert (found["b"].content, found["b"].generation) == (content, 1)
    assert (found["a"].content, found["a"].generation) == (None, 0)
    assert summary(folder) == committed
    names = {part_name(HEADER, 0, ["a", "c"]), part_name(HEADER, 1, ["b"])}
    for kind in ("scores", "events", "videos"):
        assert {path.name for path in (folder / kind).iterdir()} == names
    assert [checked.reason for checked in check_tree(folder)] == ["", ""]
    pattern = f"'{folder}/scores/*.parquet'"
    everyone = duckdb.sql(f"select video_id, count(*) from {pattern} group by all").fetchall()
    assert dict(everyone) == scores


def test_a_later_failure_takes_scores_away_and_a_later_success_a_failure(folder):
    failure = Failure(VideoItem("b", "/videos/b"), "no picture")
    write(folder, failures=[failure], generation=1)
    assert summary(folder)[0]["b"] == (0, "failed")
    open_scores(folder, HEADER)
    rows, scores, events = summary(folder)
    assert rows["b"] == (0, "failed")
    assert scores == {"a": 100, "c": 100}
    assert {name for name, _ in events} == {"a", "c"}
    write(folder, made("b", frames=50), generation=2)
    open_scores(folder, HEADER)
    assert summary(folder)[0]["b"] == (50, "ok")
    assert not list((folder / "videos").glob("failed-*"))


def test_a_part_of_which_nothing_counts_any_more_goes(folder):
    write(folder, *(replace(made(name), audit=None) for name in "abc"), generation=1)
    open_scores(folder, HEADER)
    (part,) = (folder / "videos").iterdir()
    assert part.name == part_name(HEADER, 1, ["a", "b", "c"])


def test_what_was_killed_half_way_is_taken_up(folder):
    """Between the commit of what is left of a part and the end of the old one, rows lie twice."""
    old = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    write(folder, made("b", frames=70), generation=1)
    open_scores(folder, HEADER)
    expected = summary(folder)
    for path, data in old.items():
        path.write_bytes(data)
    assert summary(folder) == expected
    open_scores(folder, HEADER)
    assert summary(folder) == expected
    assert len(list(folder.rglob("*.parquet"))) == 6
