"""The page of incidents in a real browser: found, filtered, looked at, decided, handed over."""

import json

import pytest

from model.scoring.events import label_all
from pipeline.commands.report import ReportRun
from pipeline.views.report.build import write_report
from pipeline.views.report.videos import key_of
from stores.scores.reader import read_events
from stores.scores.writer import write_scores

pytestmark = pytest.mark.slow

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

NAMES = [
    "yard/gate_20241117080509.mp4",
    "yard/gate_20241118093000.mp4",
    "hall/20241117_120000.mp4",
    "plain.mp4",
]


@pytest.fixture(scope="module")
def watched(tmp_path_factory, header, make_scores):
    """The report of four videos of two cameras, each with an event of another peak."""
    folder = tmp_path_factory.mktemp("watched")
    videos = [make_scores(name, peak=0.6 + number / 10) for number, name in enumerate(NAMES)]
    write_scores(folder, header, label_all(videos, header))
    return write_report(ReportRun(scores=folder)).page


def names(page):
    return page.locator("#incidents .name").all_text_contents()


def test_incidents_are_ranked_filtered_by_camera_and_day_and_lead_to_their_moment(page, watched):
    page.goto(watched.as_uri())
    assert names(page) == NAMES[::-1]
    assert page.locator("#summary").inner_text().startswith("4 incidents · in 4 videos")
    page.locator("#camera").select_option("yard/gate")
    page.locator("#sort").select_option("time")
    assert names(page) == NAMES[:2]
    assert page.locator(".lane").count() == 2
    page.locator("#day").select_option("2024-11-17")
    assert names(page) == NAMES[:1]
    first = page.locator(".incident").first
    first.scroll_into_view_if_needed()
    assert (
        first.locator(".when").inner_text() == "2024-11-17 08:05:11\nfrom the name, zone not stated"
    )
    first.locator("a").click()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#readout").inner_text().startswith("0:01.6 · score 0.600")


def test_a_threshold_moves_all_pages_and_is_kept(page, watched):
    page.goto(watched.as_uri())
    page.locator("#threshold").fill("0.75")
    assert names(page) == NAMES[:1:-1]
    page.get_by_role("link", name="All videos").click()
    assert page.locator("#summary").inner_text().count("2 with events from a score of 0.75") == 1
    page.get_by_role("link", name=NAMES[0]).click()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#value").inner_text() == "0.75"
    assert page.locator("#events button").count() == 0
    page.get_by_role("link", name="Incidents").click()
    assert len(names(page)) == 2
    page.get_by_role("button", name="Reset").click()
    assert len(names(page)) == 4


def test_a_threshold_below_that_of_the_files_is_for_pages_with_scores(page, watched):
    page.goto(f"{(watched.parent / 'video.html').as_uri()}#{key_of(NAMES[0])}")
    page.wait_for_selector("body[data-ready]")
    page.locator("#threshold").fill("0.3")
    page.get_by_role("link", name="Incidents").click()
    said = "These are the events of 0.5. Those of 0.30 are on the videos' pages"
    assert page.locator("#value").inner_text() == "0.50"
    assert page.locator("#rule").inner_text().startswith(said)
    page.get_by_role("link", name="All videos").click()
    assert "4 with events from a score of 0.5 on" in page.locator("#summary").inner_text()
    assert page.locator("#rule").inner_text().startswith(said)


def test_an_address_names_a_moment_and_a_threshold(page, watched):
    video = f"{(watched.parent / 'video.html').as_uri()}#{key_of(NAMES[3])}"
    page.goto(f"{video}&t=3.2&threshold=0.85")
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#value").inner_text() == "0.85"
    assert page.locator("#readout").inner_text().startswith("0:03.2 ")


def test_decisions_are_made_by_keyboard_kept_exported_and_taken_over(page, watched, tmp_path):
    page.goto(watched.as_uri())
    for key in ("j", "y", "x", "?", "u"):
        page.keyboard.press(key)
    states = [".decision.true", ".decision.false", ".decision.unsure"]
    assert [page.locator(state).count() for state in states] == [1, 1, 0]
    page.get_by_label("Note", exact=True).first.fill("a fire drill")
    page.get_by_label("What it is").first.select_option("fight")
    page.reload()
    assert "2 reviewed: 1 true, 1 false" in page.locator("#summary").inner_text()
    page.locator("#decision").select_option("open")
    assert names(page) == NAMES[1::-1]
    with page.expect_download() as download:
        page.get_by_role("button", name="Export decisions").click()
    exported = tmp_path / "decisions.json"
    download.value.save_as(exported)
    content = json.loads(exported.read_text())
    (first, second) = content["decisions"]
    assert (first["video_id"], first["state"], first["label"]) == (NAMES[3], "true", "fight")
    assert (first["note"], first["found"], first["start_frame"]) == ("a fire drill", "fire", 40)
    assert (second["state"], second["label"]) == ("false", "normal")
    page.evaluate("() => localStorage.clear()")
    page.reload()
    assert "0 reviewed" in page.locator("#summary").inner_text()
    page.locator("#import").set_input_files(exported)
    page.wait_for_function("() => document.getElementById('told').textContent.startsWith('2 of 2')")
    assert "2 reviewed: 1 true, 1 false" in page.locator("#summary").inner_text()
    (tmp_path / "other.json").write_text('{"schema": 9}')
    page.locator("#import").set_input_files(tmp_path / "other.json")
    page.wait_for_function("() => document.getElementById('told').textContent.includes('was not')")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(
    page, report, scored, width, scheme
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto((report / "index.html").as_uri())
    assert page.locator(".incident").count() == min(100, len(read_events(scored)))
    page.keyboard.press("j")
    page.keyboard.press("y")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    found = axe.Axe().run(page, options={"preload": False})
    serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_preview_is_the_peak_and_moves_with_the_pointer(page, report):
    page.goto((report / "index.html").as_uri())
    picture = page.locator("i.preview").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('i.preview').style.backgroundImage")
    assert picture.evaluate("each => getComputedStyle(each).animationName") == "none"
    picture.hover()
    assert picture.evaluate("each => getComputedStyle(each).animationName") == "passing"
