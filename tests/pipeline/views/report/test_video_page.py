"""The page of a video in a real browser: player, curve and keys in step."""

import dataclasses
import shutil
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from model.scoring.events import label_all
from pipeline.commands.report import ReportRun
from pipeline.views.report.build import write_report
from pipeline.views.report.videos import key_of
from stores.records import VideoItem
from stores.scores.parts import read_header
from stores.scores.reader import read_videos
from stores.scores.writer import write_scores

pytestmark = pytest.mark.slow


def wait_for_media(page):
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")


def player_time(page):
    return page.evaluate("() => document.getElementById('player').currentTime")


def test_a_click_on_the_curve_moves_the_player_and_playing_moves_the_cursor(
    page, report, scored, open_video, telling
):
    name, _ = telling
    open_video(report, name)
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


def test_a_files_late_clock_does_not_move_the_curve(
    page, tmp_path, header, make_scores, open_video
):
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
    write_scores(tmp_path / "scores", header, label_all([scores], header))
    report = write_report(ReportRun(scores=tmp_path / "scores", videos=path)).page.parent
    open_video(report, "late.mp4")
    wait_for_media(page)
    page.keyboard.press("n")
    assert player_time(page) == pytest.approx(2 + 40 / 25, abs=1e-3)
    page.wait_for_function("() => !document.getElementById('player').seeking")
    assert page.locator("#readout").inner_text().startswith("0:01.6 · score 0.900 · fire")


def test_keys_play_step_and_go_from_event_to_event(page, report, open_video, telling):
    name, events = telling
    open_video(report, name)
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


def darkest_of_class_names(page):
    """The darkest pixel left of the bands, where the names of their classes stand."""
    picture = np.frombuffer(page.locator("#bands canvas").screenshot(), np.uint8)
    return cv2.imdecode(picture, cv2.IMREAD_GRAYSCALE)[:, :100].min()


def test_class_names_stay_as_dark_as_they_were_after_zooming_and_another_threshold(
    page, report, open_video, telling
):
    """They were drawn in the colour of the last band: pale, where that was."""
    open_video(report, telling[0])
    before = darkest_of_class_names(page)
    assert before < 140
    for key in ("+", "0"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        assert darkest_of_class_names(page) == before
    page.locator("#threshold").fill("0.9")
    page.wait_for_timeout(100)
    assert darkest_of_class_names(page) == before


def test_a_normal_moment_is_called_normal(page, tmp_path, header, make_scores, open_video):
    write_scores(tmp_path, header, label_all([make_scores("a.mp4")], header))
    open_video(write_report(ReportRun(scores=tmp_path)).page.parent, "a.mp4")
    assert page.locator("#readout").inner_text() == "0:00.0 · score 0.100 · normal 0.90"


def test_a_long_video_shows_its_peak_at_once_and_every_frame_when_zoomed(
    page, tmp_path, header, make_scores, open_video
):
    scores = make_scores("long.mp4", frames=200_000)
    scores.score[123_456] = 0.97
    write_scores(tmp_path, header, label_all([scores], header))
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    open_video(report, "long.mp4")
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


def test_a_hostile_name_plays_and_shows_as_it_is(page, report, hostile, open_video):
    open_video(report, hostile)
    wait_for_media(page)
    assert page.evaluate("() => document.getElementById('player').videoWidth") > 0
    assert page.title().startswith(hostile)
    assert page.locator("main b").count() == 0


def test_other_codecs_play_as_copies_and_say_what_to_do_without(
    page, report, scored, footage, tmp_path, open_video
):
    name = next(v.video_id for v in read_videos(scored) if v.video_id.endswith(".avi"))
    open_video(report, name)
    wait_for_media(page)
    assert "copy of mpeg4 in AVI" in page.locator("#facts").inner_text()
    without = tmp_path / "scores"
    shutil.copytree(scored, without, ignore=shutil.ignore_patterns("report"))
    open_video(write_report(ReportRun(scores=without, videos=footage)).page.parent, name)
    page.wait_for_selector("#still .thumbnail")
    assert not page.locator("#player").is_visible()
    assert "--proxies" in page.locator("#remark code").inner_text()


def test_a_video_that_is_gone_still_has_its_curve(page, report, gone, open_video):
    open_video(report, gone)
    assert "no longer at" in page.locator("#remark").inner_text()
    area = page.locator("#curve .u-over")
    area.click(position={"x": 200, "y": 50})
    assert page.locator("#readout").inner_text().startswith("0:0")
    assert page.locator("#curve canvas").is_visible()


def test_truth_is_shaded_and_named_where_it_is_known(page, report, scored, open_video):
    classes = read_header(next((scored / "videos").glob("part-*"))).classes[1:]
    videos = [video.video_id for video in read_videos(scored)]
    with_truth = next(v for v in videos if v.startswith(tuple(c.split()[0] for c in classes)))
    open_video(report, with_truth)
    assert page.locator("#truth-key").is_visible()
    (truth, *_) = page.evaluate(f"() => report.state.videos.get('{key_of(with_truth)}').truth")
    assert truth["label"] in with_truth.replace("_", " ")


def test_everything_is_reached_by_the_tab_key(page, report, scored, open_video):
    name = next(v.video_id for v in read_videos(scored) if v.events)
    open_video(report, name)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.textContent.trim()"))
    for wanted in ("All videos", "Next event", "Copy JSON", "Copy CSV", "Whole video"):
        assert wanted in reached
