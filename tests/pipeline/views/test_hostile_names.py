"""Names of classes and videos that mean something to whatever draws, writes or reads them."""

import html
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.errors import Mistake
from model.scoring.events import label_all
from pipeline.commands.plot import PlotRun
from pipeline.commands.report import ReportRun
from pipeline.console import print_table
from pipeline.views import evaluation_figures as charts
from pipeline.views.evaluation_page import show_mistake
from pipeline.views.plot import plot
from pipeline.views.report.build import write_report
from pipeline.views.video_figure import chart_text, draw_video
from stores.datasets.synthetic.footage import write_video
from stores.files.names import one_line
from stores.files.roots import Roots
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.parts import folder_header
from stores.scores.reader import read_events, read_scores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

NAMES = [
    r"$\frac{$",
    "$x$",
    r"\$100 $",
    r"C:\new\table",
    "a/b/../c",
    "two\nlines\r\n",
    "</script><script>alert(1)</script>",
    "\"'`&amp;|*_#[x](y)<!--",
    "_hidden",
    "__",
    "{x} {{title}} %s %(a)s",
    "[red]:fire:[/]",
    "\x01\x1b[31m\x7f",
    "\uffff\U0001fffe",
    "\u202egnp.exe",
    "防犯カメラ 👩‍🚒",
    "cafe\u0301",
    "x" * 4000,
    "防" * 200,
    "é" * 200,
    "-rf",
    "..",
    "NaN",
    "1",
]


def words(svg: str) -> str:
    return "".join(element.text or "" for element in ElementTree.fromstring(svg).iter())


def test_charts_show_every_name_as_it_is():
    counts = np.eye(len(NAMES), dtype=int).tolist()
    bars = words(charts.draw_bars(dict.fromkeys(NAMES, 0.5), "frame AP"))
    confusion = words(charts.draw_confusion(counts, NAMES))
    for name in NAMES:
        shown = chart_text(name).replace(r"\$", "$")
        assert shown in bars
        assert confusion.count(shown) >= 2  # once on either axis
        assert shown.strip("…\u200b") in one_line(name)


@settings(max_examples=15)
@given(st.text(min_size=1, max_size=30))
def test_no_name_breaks_a_chart(name):
    assert "frame AP" in words(charts.draw_bars({name: 0.5}, "frame AP"))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A folder of scores of one video with an event of every class, and its header."""
    folder = tmp_path_factory.mktemp("hostile")
    header, frames = ScoreHeader(("normal", *NAMES), "m", "r", EventRule()), 32 * len(NAMES)
    pictures = (np.full((48, 64, 3), 90, dtype=np.uint8) for _ in range(frames))
    write_video(folder / "a.mp4", pictures, codec="h264", fps=25, seed=0)
    probabilities = np.zeros((frames, 1 + len(NAMES)), dtype=np.float32)
    numbers = np.arange(frames)
    probabilities[numbers, np.where(numbers % 32 < 20, 1 + numbers // 32, 0)] = 1
    item = VideoItem("".join(map(one_line, NAMES)), str(folder / "a.mp4"))
    scores = VideoScores(item, numbers / 25, 1 - probabilities[:, 0], probabilities)
    write_scores(folder / "scores", header, label_all([scores], header), [])
    return folder / "scores", header, item.video_id


def test_files_of_scores_give_every_name_back(scored):
    folder, header, video_id = scored
    events = read_events(folder)
    assert sorted(event.label for _, event in events) == sorted(NAMES)
    assert {name for name, _ in events} == {video_id}
    assert folder_header(folder) == header


def test_a_picture_and_an_overlay_survive_every_name(scored, tmp_path):
    folder, header, video_id = scored
    run = PlotRun(video_id, scores=folder, videos=folder.parent, overlay=tmp_path / "overlay.mp4")
    assert plot(run).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "overlay.mp4").stat().st_size > 1000
    (scores,) = read_scores(folder, [VideoItem(video_id, "")])
    events = [event for _, event in read_events(folder)]
    figure = draw_video(scores, events, header.classes, header.rule)
    (legend,) = (axes.get_legend() for axes in figure.axes)
    shown = [text.get_text() for text in legend.get_texts()]
    assert sorted(shown) == sorted(map(chart_text, NAMES))


def test_a_report_hands_every_name_to_its_pages(scored):
    folder, header, video_id = scored
    script = (write_report(ReportRun(scores=folder)).page.parent / "data/index.js").read_text()
    assert "<" not in script
    shown = json.loads(script[len('report.receive("index","",') : -3])
    assert shown["classes"] == list(header.classes)
    assert shown["rows"][0]["name"] == video_id


def test_a_table_keeps_every_name_on_its_line(capsys):
    print_table("classes", {"class": "left"}, [(name[:30],) for name in NAMES])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == len(NAMES) + 5


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_of_a_class_is_one_caption(name):
    mistake = Mistake(video_id=name, path="", label=name, score=0.9, frame=3, seconds=0.1)
    figure = show_mistake(mistake, Roots(None, ()))
    assert figure.count("<") == 4
    assert html.escape(name) in figure
