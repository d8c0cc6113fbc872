"""Events of the page against those of the files: one rule, in two languages."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest

from model.scoring.events import find_events, label_all
from pipeline.commands.report import ReportRun
from pipeline.stages.events import read_rule
from pipeline.views.report.build import write_report
from pipeline.views.report.videos import key_of
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.parts import read_header
from stores.scores.reader import read_events, read_videos
from stores.scores.writer import write_scores

pytestmark = pytest.mark.slow


def test_at_the_stored_threshold_the_pages_events_are_those_of_the_files(
    page, report, scored, open_video
):
    header = read_header(next((scored / "videos").glob("part-*")))
    stored = read_events(scored)
    for video in read_videos(scored):
        if video.status == "failed":
            continue
        open_video(report, video.video_id)
        page.locator("#threshold").fill("0.01")
        page.get_by_role("button", name="Reset").click()
        assert float(page.locator("#value").inner_text()) == round(header.rule.threshold, 2)
        expected = [event for name, event in stored if name == video.video_id]
        expected.sort(key=lambda event: event.start)
        ours = page.evaluate(
            """key => {
                const video = report.state.videos.get(key);
                const timeline = new timelines.Timeline(video);
                timeline.add(0, report.state.pieces.get(`${key}/0`));
                return timelines.findEvents(timeline, video.rule, video.rule.threshold);
            }""",
            key_of(video.video_id),
        )
        assert page.locator("#events button").count() == len(expected) == len(ours)
        for event, theirs in zip(ours, expected, strict=True):
            assert (event["start"], event["end"]) == (theirs.start, theirs.end)
            assert (event["label"], event["peak"]) == (theirs.label, theirs.peak)
            assert event["start_time"] == pytest.approx(theirs.start_time, abs=1e-5)
            assert event["end_time"] == pytest.approx(theirs.end_time, abs=1e-5)
            assert event["mean"] == pytest.approx(theirs.mean, rel=1e-5)


def test_the_pages_rule_is_that_of_the_files_down_to_the_last_bit(
    page, tmp_path, header, open_video
):
    """Scores on round numbers, as float32 hits or misses them, over two pieces of a long video with
    irregular times; each threshold is compared with what the store makes of it."""
    random = np.random.default_rng(3)
    frames = 70_000
    score = np.repeat(random.integers(0, 11, frames // 10) / 10, 10).astype(np.float32)
    kinds = random.dirichlet([1, 1, 1], frames // 10).astype(np.float32).repeat(10, axis=0)
    times = np.cumsum(random.uniform(0.01, 0.08, frames))
    for gap in (3, 20_005, 20_009, 40_000, 65_536):  # between pieces too
        times[gap:] += 10.5
    scores = VideoScores(VideoItem("long.mp4", ""), times - times[0], score, kinds)
    write_scores(tmp_path, header, label_all([scores], header))
    open_video(write_report(ReportRun(scores=tmp_path)).page.parent, "long.mp4")
    page.locator("#threshold").fill("0.9")  # loads every piece
    page.wait_for_function("() => document.getElementById('count').textContent !== ''")
    for tenths in (3, 6, 9):
        rule = EventRule(threshold=tenths / 10, release=0.8, minimum_frames=31)
        expected = find_events(scores, header.classes, rule)
        ours = page.evaluate(
            """([key, rule]) => {
                const timeline = new timelines.Timeline(report.state.videos.get(key));
                for (const [name, piece] of report.state.pieces) {
                    timeline.add(Number(name.split("/")[1]) / 65536, piece);
                }
                return timelines.findEvents(timeline, rule, rule.threshold);
            }""",
            [key_of("long.mp4"), dataclasses.asdict(rule)],
        )
        assert [(e["start"], e["end"], e["label"], e["peak"]) for e in ours] == [
            (e.start, e.end, e.label, e.peak) for e in expected
        ]
        np.testing.assert_allclose(
            [(e["start_time"], e["end_time"], e["mean"]) for e in ours],
            [(e.start_time, e.end_time, e.mean) for e in expected],
            rtol=1e-5,
        )


def test_the_threshold_redraws_the_events_and_they_are_copied(
    page, report, scored, hostile, open_video
):
    open_video(report, hostile)
    assert page.locator("#name").inner_text() == hostile
    page.locator("#threshold").fill("1")
    assert page.get_by_text("None at this threshold").is_visible()
    assert page.get_by_role("button", name="Copy CSV").is_disabled()
    page.locator("#threshold").fill("0.01")
    assert page.locator("#events button").count() == 1  # all of it
    for button, read in (("Copy JSON", json.loads), ("Copy CSV", rows_of)):
        page.get_by_role("button", name=button).click()
        page.wait_for_function("() => document.getElementById('copied').textContent === '1 copied'")
        (row,) = read(pasted(page))
        assert row["video_id"] == hostile
        assert int(row["start_frame"]) == 0
        frames = next(v.frames for v in read_videos(scored) if v.video_id == hostile)
        assert int(row["end_frame"]) == frames
        page.evaluate("() => { document.getElementById('copied').textContent = '' }")


COPIED = """() => Object.defineProperty(navigator, "clipboard", {
    value: { writeText: async (text) => { window.copied = text; } },
})"""


def test_no_copied_name_or_class_becomes_a_formula(page, tmp_path, header, make_scores, open_video):
    """A spreadsheet would run them, and both come with foreign scores."""
    names = [f'{first}1+1,"a".mp4' for first in "=+-@\t\r"]
    formula = dataclasses.replace(header, classes=("normal", "@SUM(1)", "-2"))
    write_scores(tmp_path, formula, label_all([make_scores(name) for name in names], formula))
    written = write_report(ReportRun(scores=tmp_path)).page.parent
    for name in names:
        open_video(written, name)
        page.evaluate(COPIED)
        page.get_by_role("button", name="Copy CSV").click()
        page.wait_for_function("() => window.copied")
        (row,) = csv.DictReader(io.StringIO(page.evaluate("() => window.copied"), newline=""))
        assert (row["video_id"], row["label"]) == (f"'{name}", "'@SUM(1)")
        assert float(row["peak"]) == pytest.approx(0.9)
        page.goto("about:blank")


def test_the_threshold_is_saved_as_a_rule_that_events_takes(
    page, report, scored, telling, open_video, tmp_path
):
    open_video(report, telling[0])
    page.locator("#threshold").fill("0.37")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save rule").click()
    assert saved.value.suggested_filename == "rule.json"
    saved.value.save_as(tmp_path / "rule.json")
    rule = read_header(next((scored / "videos").glob("part-*"))).rule
    assert read_rule(tmp_path / "rule.json") == dataclasses.replace(rule, threshold=0.37)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def pasted(page):
    page.evaluate("() => document.body.append(document.createElement('textarea'))")
    area = page.locator("textarea").last
    area.focus()
    page.keyboard.press("Control+V")
    text = area.input_value()
    area.evaluate("node => node.remove()")
    return text
