"""The pages in a real browser, opened from disk, over really scored videos."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.report import write_report
from pipeline.report.videos import key_of
from pipeline.settings import ReportRun
from stores.events import EventRule, find_events
from stores.records import VideoItem, VideoScores
from stores.results import read_events, read_header, read_videos
from stores.scores import write_scores

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(scored) -> Path:
    return write_report(ReportRun(scores=scored, proxies=True)).page.parent


@pytest.fixture
def page(browser) -> Iterator[playwright.Page]:
    """A page that is to load nothing but files and to report no error."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: foreign(request.url, complaints))
    yield page
    context.close()
    assert complaints == []


def foreign(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file:", "data:")):
        complaints.append(f"asked for {url}")


def open_index(page, report):
    page.goto((report / "index.html").as_uri())
    return page.locator("#videos tr")


def open_video(page, report, name):
    page.goto(f"{(report / 'video.html').as_uri()}#{key_of(name)}")
    page.wait_for_selector("body[data-ready]")


def wait_for_media(page):
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")


def player_time(page):
    return page.evaluate("() => document.getElementById('player').currentTime")


def shown_names(page):
    return page.locator("#videos .name").all_inner_texts()


def an_event(scored, hostile, gone):
    """A video with an event after its start, and its events in order of time."""
    events = [(n, event) for n, event in read_events(scored) if n not in (hostile, gone)]
    name = next(name for name, event in events if event.start_time > 0.1)
    return name, sorted((e for n, e in events if n == name), key=lambda event: event.start)


def test_the_index_sorts_filters_and_opens_a_video(page, report, scored):
    open_index(page, report)
    videos = read_videos(scored)
    assert shown_names(page)[-1] == "broken.mp4"
    assert page.get_by_text("no <video> stream").is_visible()
    page.get_by_role("button", name="Video", exact=True).click()
    names = shown_names(page)
    assert sorted(names) == sorted(video.video_id for video in videos)
    assert [n for n in names if n[0].isalpha()] == sorted(n for n in names if n[0].isalpha())
    page.get_by_role("button", name="Duration").click()
    longest = max(videos, key=lambda video: video.seconds)
    assert shown_names(page)[0] == longest.video_id
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Duration")
    page.locator("#status").select_option("failed")
    assert shown_names(page) == ["broken.mp4"]
    page.locator("#status").select_option("")
    page.get_by_label("Name or reason").fill(longest.video_id.upper())
    assert shown_names(page) == [longest.video_id]
    assert page.locator("#shown").inner_text() == f"1 of {len(videos)} shown"
    page.get_by_role("link", name=longest.video_id, exact=True).click()
    page.wait_for_selector("body[data-ready]")
    assert page.get_by_role("heading", level=1).inner_text() == longest.video_id


def test_sparklines_and_pictures_are_there_once_in_view(page, report):
    open_index(page, report)
    page.wait_for_selector(".spark canvas")
    pictures = page.locator("td.pictures img")
    assert pictures.count() == 7
    pictures.first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('td.pictures img').naturalWidth > 400")


def test_a_click_on_the_curve_moves_the_player_and_playing_moves_the_cursor(
    page, report, scored, hostile, gone
):
    name, _ = an_event(scored, hostile, gone)
    open_video(page, report, name)
    wait_for_media(page)
    seconds = next(v.seconds for v in read_videos(scored) if v.video_id == name)
    area = page.locator("#curve .u-over")
    box = area.bounding_box()
    area.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    page.wait_for_function("() => !document.getElementById('player').seeking")
    assert player_time(page) == pytest.approx(0.75 * seconds, abs=seconds / box["width"] * 3)
    before = page.locator("#curve .playhead").bounding_box()["x"]
    assert before == pytest.approx(box["x"] + 0.75 * box["width"], abs=4)
    page.evaluate("() => { document.getElementById('player').currentTime = 0.5 }")
    page.wait_for_function("() => !document.getElementById('player').seeking")
    moved = box["x"] + 0.5 / seconds * box["width"]
    page.wait_for_function(
        """x => {
            const line = document.querySelector("#curve .playhead").getBoundingClientRect();
            return Math.abs(line.x - x) < 4;
        }""",
        arg=moved,
    )


def test_a_files_late_clock_does_not_move_the_curve(page, tmp_path, header, make_scores):
    path = tmp_path / "late.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(100):
            grey = np.full((48, 64, 3), number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number + 50, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    scores = make_scores("late.mp4", frames=100)
    scores = dataclasses.replace(scores, item=VideoItem("late.mp4", str(path)))
    write_scores(tmp_path / "scores", header, [scores])
    report = write_report(ReportRun(scores=tmp_path / "scores")).page.parent
    open_video(page, report, "late.mp4")
    wait_for_media(page)
    page.keyboard.press("n")
    assert player_time(page) == pytest.approx(2 + 40 / 25, abs=1e-3)
    page.wait_for_function("() => !document.getElementById('player').seeking")
    assert page.locator("#readout").inner_text().startswith("0:01.6 · score 0.900 · fire")


def test_keys_play_step_and_go_from_event_to_event(page, report, scored, hostile, gone):
    name, events = an_event(scored, hostile, gone)
    open_video(page, report, name)
    wait_for_media(page)
    page.keyboard.press("n")
    first = next(event for event in events if event.start_time > 0.05)
    assert player_time(page) == pytest.approx(first.start_time, abs=1e-3)
    assert page.locator("#events [aria-current]").count() == 1
    page.keyboard.press("ArrowLeft")
    assert player_time(page) == pytest.approx(max(0, first.start_time - 1), abs=1e-3)
    page.keyboard.press("Shift+ArrowLeft")
    assert player_time(page) == 0
    page.keyboard.press(" ")
    page.wait_for_function("() => document.getElementById('player').currentTime > 0.2")
    page.keyboard.press(" ")
    assert page.evaluate("() => document.getElementById('player').paused")


def test_at_the_stored_threshold_the_pages_events_are_those_of_the_files(page, report, scored):
    header = read_header(next((scored / "videos").glob("part-*")))
    stored = read_events(scored)
    for video in read_videos(scored):
        if video.status == "failed":
            continue
        open_video(page, report, video.video_id)
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


def test_the_pages_rule_is_that_of_the_files_down_to_the_last_bit(page, tmp_path, header):
    """Scores on round numbers, as float32 hits or misses them, over two pieces of a long video with
    irregular times; each threshold is compared with what the store makes of it."""
    random = np.random.default_rng(3)
    frames = 70_000
    score = np.repeat(random.integers(0, 11, frames // 10) / 10, 10).astype(np.float32)
    kinds = random.dirichlet([1, 1, 1], frames // 10).astype(np.float32).repeat(10, axis=0)
    times = np.cumsum(random.uniform(0.01, 0.08, frames))
    scores = VideoScores(VideoItem("long.mp4", ""), times - times[0], score, kinds)
    write_scores(tmp_path, header, [scores])
    open_video(page, write_report(ReportRun(scores=tmp_path)).page.parent, "long.mp4")
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


def test_a_long_video_shows_its_peak_at_once_and_every_frame_when_zoomed(
    page, tmp_path, header, make_scores
):
    scores = make_scores("long.mp4", frames=200_000)
    scores.score[123_456] = 0.97
    write_scores(tmp_path, header, [scores])
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    open_video(page, report, "long.mp4")
    key = key_of("long.mp4")
    assert f"{key}.js" in asked
    assert not any(name.startswith(f"{key}-") for name in asked)
    assert "at most 0.97" in page.locator("#curve").get_attribute("aria-label")
    area = page.locator("#curve .u-over").bounding_box()
    middle = area["x"] + area["width"] * 123_456 / 200_000
    page.mouse.move(middle - 20, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(middle + 20, area["y"] + 50, steps=4)
    page.mouse.up()
    page.wait_for_selector("body[data-pieces='1-1']")
    assert f"{key}-1.js" in asked
    assert f"{key}-0.js" not in asked
    page.get_by_role("button", name="Whole video").click()
    page.wait_for_selector("body[data-pieces='']")


def test_the_threshold_redraws_the_events_and_they_are_copied(page, report, scored, hostile):
    open_video(page, report, hostile)
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


def test_a_hostile_name_plays_and_shows_as_it_is(page, report, hostile):
    open_video(page, report, hostile)
    wait_for_media(page)
    assert page.evaluate("() => document.getElementById('player').videoWidth") > 0
    assert page.title().startswith(hostile)
    assert page.locator("main b").count() == 0


def test_other_codecs_play_as_copies_and_say_what_to_do_without(page, report, scored, tmp_path):
    name = next(v.video_id for v in read_videos(scored) if v.video_id.endswith(".avi"))
    open_video(page, report, name)
    wait_for_media(page)
    assert "copy of mpeg4 in AVI" in page.locator("#facts").inner_text()
    without = tmp_path / "scores"
    shutil.copytree(scored, without, ignore=shutil.ignore_patterns("report"))
    open_video(page, write_report(ReportRun(scores=without)).page.parent, name)
    page.wait_for_selector("#still .thumbnail")
    assert not page.locator("#player").is_visible()
    assert "--proxies" in page.locator("#remark code").inner_text()


def test_a_video_that_is_gone_still_has_its_curve(page, report, gone):
    open_video(page, report, gone)
    assert "no longer at" in page.locator("#remark").inner_text()
    area = page.locator("#curve .u-over")
    area.click(position={"x": 200, "y": 50})
    assert page.locator("#readout").inner_text().startswith("0:0")
    assert page.locator("#curve canvas").is_visible()


def test_truth_is_shaded_and_named_where_it_is_known(page, report, scored):
    classes = read_header(next((scored / "videos").glob("part-*"))).classes[1:]
    videos = [video.video_id for video in read_videos(scored)]
    with_truth = next(v for v in videos if v.startswith(tuple(c.split()[0] for c in classes)))
    open_video(page, report, with_truth)
    assert page.locator("#truth-key").is_visible()
    (truth, *_) = page.evaluate(f"() => report.state.videos.get('{key_of(with_truth)}').truth")
    assert truth["label"] in with_truth.replace("_", " ")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(
    page, report, scored, hostile, gone, width, scheme
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    name, _ = an_event(scored, hostile, gone)
    for open_it in (lambda: open_index(page, report), lambda: open_video(page, report, name)):
        open_it()
        page.evaluate("() => document.querySelectorAll('details').forEach((d) => (d.open = true))")
        found = axe.Axe().run(page, options={"preload": False}).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in serious]
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_theme_button_turns_the_colours_and_keeps_them(page, report):
    page.emulate_media(color_scheme="light")
    open_index(page, report)
    light = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch to dark colours").click()
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == dark


def test_everything_is_reached_by_the_tab_key(page, report, scored):
    name = next(v.video_id for v in read_videos(scored) if v.events)
    open_video(page, report, name)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.textContent.trim()"))
    for wanted in ("All videos", "Next event", "Copy JSON", "Copy CSV", "Whole video"):
        assert wanted in reached
