"""A video that is scored again replaces its old rows in one step, for every reader of ours."""

from dataclasses import replace

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.records import (
    Content,
    DecodeAudit,
    EventRule,
    Failure,
    StoreError,
    VideoItem,
    VideoScores,
)
from stores.scores.parts import folder_header
from stores.scores.reader import (
    newest_header,
    open_scores,
    read_events,
    read_scores,
    read_videos,
)
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


def rows_of(folder):
    """Every column of every row of videos/, but those that follow from rule and generation."""
    tables = [pq.read_table(path) for path in (folder / "videos").iterdir()]
    rows = [row for table in tables for row in table.to_pylist()]
    made_anew = "label", "events", "peak", "generation"
    return sorted(
        ({key: row[key] for key in row if key not in made_anew} for row in rows),
        key=lambda row: row["video_id"],
    )


def relabel(header):
    """As the stage does it, the temperature left aside."""
    return lambda scores, theirs: label_all(scores, header)


@pytest.fixture
def rich(tmp_path):
    """Two parts and a failure, every column filled."""
    audit = DecodeAudit("decord", 100, 101, 4.0, duplicate_frames=2, partial=True, note="cut")
    content = Content(5, 10**18 + 1, "whole:5")
    videos = [replace(made(name, content=content), audit=audit) for name in "abc"]
    failure = Failure(VideoItem("broken", "/videos/broken"), "no picture", 3, content)
    write(tmp_path, *videos[:2], failures=[failure])
    write(tmp_path, videos[2], generation=4)
    return tmp_path


OTHER = replace(HEADER, rule=EventRule(threshold=0.95))


def test_another_rule_keeps_all_that_is_known_of_the_videos(rich):
    before, scores = rows_of(rich), summary(rich)[1]
    assert [event[0] for event in read_events(rich)] == ["a", "b", "c"]
    rows = open_scores(rich, OTHER, relabel(OTHER))
    assert rows_of(rich) == before
    assert len(before) == 4
    assert None not in before[0].values()
    assert {(row.generation, row.events, row.label) for row in rows} == {(5, 0, "")}
    assert summary(rich)[1] == scores
    assert read_events(rich) == []
    assert folder_header(rich) == newest_header(rich) == OTHER
    assert {checked.reason for checked in check_tree(rich)} == {""}
    names = {path.name for path in rich.rglob("*.parquet")}
    assert open_scores(rich, OTHER, relabel(OTHER)) == rows
    assert {path.name for path in rich.rglob("*.parquet")} == names
    open_scores(rich, HEADER, relabel(HEADER))
    assert [event[0] for event in read_events(rich)] == ["a", "b", "c"]
    assert rows_of(rich) == before


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_another_rule_that_was_killed_is_taken_up(rich, parts):
    """Killed before the failure, before the first part or before the second."""
    before, calls = rows_of(rich), []

    def killed(scores, theirs):
        if len(calls) == parts:
            raise KeyboardInterrupt
        calls.append(theirs)
        return label_all(scores, OTHER)

    with pytest.raises(KeyboardInterrupt):
        open_scores(rich, OTHER, killed)
    assert newest_header(rich) == (OTHER if parts else HEADER)
    if parts:
        with pytest.raises(StoreError, match="holds events of two rules: .* run it again"):
            folder_header(rich)
    open_scores(rich, OTHER, relabel(OTHER))
    assert rows_of(rich) == before
    assert folder_header(rich) == OTHER


def test_a_part_is_there_once_though_the_old_one_was_not_taken_away(rich):
    """Killed between the commit of a part and the end of the one that it replaces."""
    old = {path: path.read_bytes() for path in rich.rglob("part-*")}
    open_scores(rich, OTHER, relabel(OTHER))
    for path, data in old.items():
        path.write_bytes(data)
    open_scores(rich, OTHER, relabel(OTHER))
    assert folder_header(rich) == OTHER
    assert not set(old) & set(rich.rglob("part-*"))


def test_without_one_who_labels_another_rule_is_refused_and_another_model_always(folder):
    with pytest.raises(StoreError, match=r"scores of another run \(event_rule .*0\.95"):
        open_scores(folder, OTHER)
    model = replace(OTHER, model_fingerprint="x" * 16)
    with pytest.raises(StoreError, match=r"another run \(model_fingerprint m+, now x+"):
        open_scores(folder, model, relabel(model))
    assert folder_header(folder) == HEADER


def test_scores_that_are_not_those_of_their_videos_stay_as_they_are(folder):
    (part,) = (folder / "scores").iterdir()
    pq.write_table(pq.read_table(part).slice(1), part, write_page_checksum=True)
    with pytest.raises(StoreError, match=f"{part} has rows that are not those of its videos"):
        open_scores(folder, OTHER, relabel(OTHER))
    assert folder_header(folder) == HEADER
