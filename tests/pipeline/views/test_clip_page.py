"""The page of clips, as text and in a real browser, in an empty folder."""

import shutil
import zipfile
from dataclasses import replace

import pytest

from pipeline.commands.clip import ClipRun
from pipeline.views.clip_page import clip_page
from pipeline.views.clip_records import ClipIndex, NotCut
from pipeline.views.clips import clip


@pytest.fixture
def index(some_clip):
    return ClipIndex("cameras", "peaks from 0.8 on", 0, [some_clip], [])


def test_it_says_when_what_and_how(index):
    text = clip_page(index)
    for said in (
        "Clips of cameras",
        "1 clip. Chosen last: peaks from 0.8 on.",
        "fire in cam1/a.mp4",
        "0:00:02.0 to 0:00:02.8, peak 0.90",
        "from 1.0 s on",
        "0:00:01.0 to 0:00:03.8; by the file&#x27;s own clock 11.000 to 13.800 s",
        "25 to 94",
        "copied as it was: h264, 64×48, without sound",
        'src="clips/a-2s-fire-0123456789ab.mp4"',
    ):
        assert said in text
    assert "Not cut" not in text
    assert "http" not in text


def test_what_is_lacking_is_said(index, some_clip):
    old = replace(
        some_clip,
        codec="mpeg4",
        plays_in_browsers=False,
        remark="sound left out: MP4 has no place for pcm_alaw",
        event_start=3671.04,
    )
    lacking = [NotCut("b.mp4@3", "fire", 0.71, "no such file")]
    text = clip_page(replace(index, clips=[old], not_cut=lacking, left_out=7))
    assert "Most browsers do not play mpeg4 in MP4" in text
    assert "Sound left out: MP4 has no place for pcm_alaw." in text
    assert "1:01:11.0" in text
    assert "7 events of lower peaks left out." in text
    assert "b.mp4@3 (fire, peak 0.71): no such file" in text


def test_no_name_is_more_than_a_name(index, some_clip):
    name = "</h2><script>alert(1)</script>\"' onplay=x\n\x1b[31m"
    strange = replace(some_clip, video=name, label=name, remark=name)
    lacking = [NotCut(name, name, 0.5, name)]
    text = clip_page(ClipIndex(name, name, 0, [strange], lacking))
    assert "<script" not in text
    assert '" onplay' not in text
    assert "\x1b" not in text


@pytest.mark.slow
def test_unpacked_in_an_empty_folder_the_clips_play(score_films, browser, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    folder, alone = score_films(["<b>&'\"#1 50%25 – Ä?.mp4"]), tmp_path / "alone"
    made = clip(ClipRun(folder, before=1, after=1, zip=tmp_path / "a.zip"))
    with zipfile.ZipFile(made.zip) as packed:
        packed.extractall(alone)
    shutil.rmtree(tmp_path / "films")
    shutil.rmtree(folder)
    page = browser.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((alone / "index.html").as_uri())
    videos = "[...document.querySelectorAll('video')]"
    page.wait_for_function(f"() => {videos}.every((v) => v.readyState > 1)")
    seconds = page.evaluate(f"() => {videos}.map((v) => v.duration)")
    assert len(seconds) == 2
    assert all(0.8 < each < 3 for each in seconds)
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found = axe.Axe().run(page, options={"preload": False}).response["violations"]
        assert [each["id"] for each in found] == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.close()
