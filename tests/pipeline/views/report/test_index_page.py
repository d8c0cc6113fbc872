"""The index in a real browser, opened from disk, over really scored videos."""

import json

import pytest

from model.scoring.events import label_all
from pipeline.commands.report import ReportRun
from pipeline.views.report.build import write_report
from stores.scores.reader import read_videos
from stores.scores.writer import write_scores

pytestmark = pytest.mark.slow

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")


def test_the_index_sorts_filters_and_opens_a_video(page, scored, open_index):
    open_index()
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


def shown_names(page):
    return page.locator("#videos .name").all_inner_texts()


def test_sparklines_and_pictures_are_there_once_in_view(page, open_index):
    open_index()
    page.wait_for_selector(".spark canvas")
    pictures = page.locator("td.pictures img")
    assert pictures.count() == 7
    pictures.first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('td.pictures img').naturalWidth > 400")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(
    page, report, width, scheme, open_index, open_video, telling
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    name, _ = telling
    for open_it in (lambda: open_index(), lambda: open_video(report, name)):
        open_it()
        page.evaluate("() => document.querySelectorAll('details').forEach((d) => (d.open = true))")
        found = axe.Axe().run(page, options={"preload": False}).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in serious]
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_theme_button_turns_the_colours_and_keeps_them(page, open_index):
    page.emulate_media(color_scheme="light")
    open_index()
    light = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch to dark colours").click()
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == dark


def test_hundreds_of_videos_are_all_reached_by_scrolling(page, tmp_path, header, make_scores):
    write_scores(
        tmp_path,
        header,
        label_all([make_scores(f"{n:03}.mp4", frames=60) for n in range(250)], header),
    )
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    page.goto((report / "videos.html").as_uri())
    assert page.locator("#videos tr").count() < 250
    page.wait_for_function(
        """() => {
            scrollTo(0, document.body.scrollHeight);
            return document.querySelectorAll("#videos tr").length === 250;
        }"""
    )
    assert page.locator("#more").is_hidden()
    page.get_by_label("Name or reason").fill("249")
    assert page.locator("#videos .name").all_inner_texts() == ["249.mp4"]


def test_what_no_trained_head_scored_says_so_first(page, tmp_path, header, make_scores):
    write_scores(tmp_path, header, label_all([make_scores("a.mp4", frames=60)], header))
    address = write_report(ReportRun(scores=tmp_path)).page.as_uri()
    page.goto(address)
    assert "nothing was trained" not in page.locator("main").inner_text()
    (tmp_path / "score.json").write_text(json.dumps({"checkpoint": str(tmp_path)}))
    provenance = {"protocol": "nothing was trained", "prompts": [["a street"], ["<b>fire"]]}
    content = {"training": None, "provenance": provenance}
    (tmp_path / "checkpoint.json").write_text(json.dumps(content))
    write_report(ReportRun(scores=tmp_path))
    page.goto(address)
    expected = "nothing was trained. Texts: a street; <b>fire"
    assert page.locator(".cautions p").first.inner_text() == f"Caution: {expected}"
