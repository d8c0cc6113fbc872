"""Clips from end to end: real films, real scores, real processes that cut."""

import csv
import json
import os
import shutil
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from extract.excerpt_copy import Span
from model.scoring.events import label_all
from pipeline.commands.clip import ClipRun
from pipeline.views.clips import clip, span_of
from stores.files.roots import record_root
from stores.records import ScoredEvent, StoreError, VideoItem, VideoScores
from stores.scores.writer import write_scores


def index_of(folder):
    return json.loads((folder / "clips" / "clips.json").read_text())


def table_of(folder):
    with (folder / "clips" / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def shown(path):
    """Times and the numbers of a clip's frames, as PyAV gives them."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        seconds = [float(frame.pts * frame.time_base) for frame in frames]
    means = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    return seconds, [round((mean - 12) / 12) for mean in means]


def test_an_event_is_a_clip_and_the_index_says_which_frames_are_in_it(score_films):
    folder = score_films(["cam1/a.mp4", "cam2/a.mp4"])
    made = clip(ClipRun(folder, before=1, after=1))
    assert (made.made, made.kept, made.not_cut, made.left_out) == (4, 0, [], 0)
    clips = index_of(folder)["clips"]
    assert [(each["event"], each["label"]) for each in clips] == [
        ("cam1/a.mp4@50", "fire"),
        ("cam2/a.mp4@50", "fire"),
        ("cam1/a.mp4@90", "flood"),
        ("cam2/a.mp4@90", "flood"),
    ]
    assert len({each["file"] for each in clips}) == 4
    for each in clips:
        first, end = each["first_frame"], each["end_frame"]
        assert 0 <= each["event_start"] - each["start"] <= 1.0001
        assert each["event_end"] <= each["end"] <= each["event_end"] + 1.0001
        assert each["clock_start"] == pytest.approx(first / 25)
        assert each["clock_end"] == pytest.approx(end / 25)
        seconds, numbers = shown(folder / "clips" / each["file"])
        np.testing.assert_allclose(seconds, np.arange(end - first) / 25, atol=1e-3)
        assert numbers == [n % 20 for n in range(first, end)]
        size = (folder / "clips" / each["file"]).stat().st_size
        assert (each["bytes"], each["source_digest"][:6]) == (size, "whole:")
    rows = table_of(folder)
    assert [row["event"] for row in rows] == [each["event"] for each in clips]


def test_a_second_call_makes_only_what_is_missing(score_films):
    folder = score_films(["a.mp4"])
    clip(ClipRun(folder, before=1, after=1))
    files = {path: path.stat() for path in (folder / "clips" / "clips").glob("*.mp4")}
    assert len(files) == 2
    gone, stays = sorted(files)
    gone.unlink()
    made = clip(ClipRun(folder, before=1, after=1))
    assert (made.made, made.kept) == (1, 1)
    assert stays.stat().st_ino == files[stays].st_ino
    assert gone.stat().st_size == files[gone].st_size
    # Half of it, as a copy that was broken off: not what its record says.
    os.truncate(gone, 100)
    assert clip(ClipRun(folder, before=1, after=1)).made == 1
    other = clip(ClipRun(folder, before=0, after=0, peak=0.8))
    assert (other.made, len(index_of(folder)["clips"])) == (1, 3)


def test_what_cannot_be_cut_is_named_and_the_rest_is_cut(score_films, tmp_path):
    folder = score_films(["a.mp4", "b.mp4", "c.mp4", "d.mp4"])
    (tmp_path / "films" / "a.mp4").unlink()
    with (tmp_path / "films" / "b.mp4").open("ab") as file:
        file.write(b"more")
    (tmp_path / "films" / "c.mp4").write_bytes((tmp_path / "films" / "c.mp4").read_bytes()[:900])
    made = clip(ClipRun(folder, peak=0.8))
    reasons = {each.event: each.reason for each in made.not_cut}
    assert made.made == 1
    assert reasons.keys() == {"a.mp4@50", "b.mp4@50", "c.mp4@50"}
    assert "no such file" in reasons["a.mp4@50"]
    assert "b.mp4 changed since it was read" in reasons["b.mp4@50"]
    assert "c.mp4 changed since it was read" in reasons["c.mp4@50"]
    content = index_of(folder)
    assert [each["event"] for each in content["not_cut"]] == sorted(reasons)
    assert "b.mp4 changed since it was read" in made.page.read_text()


def test_a_clip_that_is_there_outlives_its_video(score_films, tmp_path):
    folder = score_films(["a.mp4"])
    clip(ClipRun(folder))
    (tmp_path / "films" / "a.mp4").unlink()
    made = clip(ClipRun(folder, zip=tmp_path / "a.zip"))
    assert (made.made, made.kept, made.not_cut) == (0, 2, [])


def test_videos_of_copied_scores_are_opened_below_a_named_folder_alone(score_films, tmp_path):
    foreign = shutil.copytree(score_films(["cam1/a.mp4"]), tmp_path / "foreign")
    made = clip(ClipRun(foreign, peak=0.8))
    assert (made.made, len(made.not_cut)) == (0, 1)
    assert "give the folder of the videos (--videos)" in made.not_cut[0].reason
    shutil.move(tmp_path / "films", tmp_path / "moved")
    assert clip(ClipRun(foreign, peak=0.8, videos=tmp_path / "moved")).made == 1


def test_what_takes_too_long_is_killed_and_leaves_nothing(score_films, monkeypatch):
    folder = score_films(["a.mp4"])
    monkeypatch.setattr("pipeline.views.clips.SLOWEST", 1e-4)
    made = clip(ClipRun(folder, peak=0.8, deadline=1e-3))
    assert made.made == 0
    assert "no answer within 0 s; decoder killed" in made.not_cut[0].reason
    assert list((folder / "clips").rglob("*.mp4")) == []
    monkeypatch.undo()
    assert clip(ClipRun(folder, peak=0.8)).made == 1


def test_nothing_of_others_is_overwritten(score_films, tmp_path):
    folder, to = score_films(["a.mp4"]), tmp_path / "to"
    to.mkdir()
    (to / "index.html").write_text("mine")
    with pytest.raises(StoreError, match=r"index\.html is not ours; give another folder \(--to\)"):
        clip(ClipRun(folder, to=to))
    assert [path.name for path in to.iterdir() if path.name != ".lock"] == ["index.html"]
    (to / "index.html").unlink()
    (to / "mine.mp4").write_text("mine")
    (to / "clips").mkdir()
    (to / "clips" / "mine.json").write_text("mine")
    (name,) = (each["file"] for each in _clips_of(clip(ClipRun(folder, to=to, peak=0.8)).page))
    (to / name).with_suffix(".json").unlink()
    (to / name).write_text("mine")
    made = clip(ClipRun(folder, to=to, peak=0.8))
    assert "is there and not ours; move it away" in made.not_cut[0].reason
    for path in ("mine.mp4", "clips/mine.json", name):
        assert (to / path).read_text() == "mine"
    (to / "clips.json").write_text("[1]")
    with pytest.raises(StoreError, match="give another folder"):
        clip(ClipRun(folder, to=to))
    (tmp_path / "elsewhere").mkdir()
    (folder / "clips").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"):
        clip(ClipRun(folder))


def _clips_of(page):
    return json.loads((page.parent / "clips.json").read_text())["clips"]


def test_names_are_only_names(score_films):
    hostile = ["-rf$x.mp4", "'\"<b>&;#%.mp4", "防犯カメラ.mp4", "x" * 200 + ".mp4", "=1+1\n.mp4"]
    folder = score_films(hostile)
    made = clip(ClipRun(folder, peak=0.8, before=0, after=0))
    assert (made.made, made.not_cut) == (5, [])
    clips = index_of(folder)["clips"]
    assert {each["video"] for each in clips} == set(hostile)
    for each in clips:
        name = each["file"].removeprefix("clips/")
        assert name.isascii()
        assert len(name) < 120
        assert name[0].isalnum()
    assert "<b>" not in made.page.read_text()
    rows = table_of(folder)
    assert not [row for row in rows if row["video"].startswith(("=", "-"))]


def test_a_folder_of_images_is_cut_at_its_rate(tmp_path, film_header):
    frames = tmp_path / "films" / "walk"
    frames.mkdir(parents=True)
    for number in range(60):
        Image.new("RGB", (64, 48), (12 + 12 * (number % 20),) * 3).save(frames / f"{number}.png")
    score = np.where(np.arange(60) // 20 == 1, 0.9, 0.1).astype(np.float32)
    scores = VideoScores(
        item=VideoItem("walk", str(frames)),
        times=np.arange(60) / 10,
        score=score,
        probabilities=np.stack([1 - score, score, 0 * score], axis=1),
    )
    folder = tmp_path / "scores"
    write_scores(folder, film_header, label_all([scores], film_header))
    record_root(folder, tmp_path / "films")
    assert clip(ClipRun(folder, before=0.5, after=0.5)).made == 1
    (found,) = index_of(folder)["clips"]
    seconds, numbers = shown(folder / "clips" / found["file"])
    np.testing.assert_allclose(seconds, np.arange(30) / 10, atol=1e-3)
    assert numbers == [n % 20 for n in range(15, 45)]
    assert (found["method"], found["event_start"] - found["start"]) == ("encoded", 0.5)


def test_margins_end_where_the_clock_steps_and_where_the_video_does():
    times = np.arange(100) / 10
    scores = VideoScores(
        item=VideoItem("a", ""),
        times=times,
        score=np.zeros(100, np.float32),
        probabilities=np.ones((100, 1), np.float32),
    )
    event = ScoredEvent(40, 60, 4.0, 6.0, "fire", 0.9, 0.9)
    assert span_of(scores, event, 1, 2) == Span(30, 40, 60, 80)
    assert span_of(scores, event, 0, 0) == Span(40, 40, 60, 60)
    assert span_of(scores, event, 50, 50) == Span(0, 40, 60, 100)
    stepped = replace(scores, clock_steps=(10, 35, 60, 90))
    assert span_of(stepped, event, 5, 5) == Span(35, 40, 60, 60)
