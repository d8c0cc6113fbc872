import base64
import html
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from model.evaluation.errors import Mistake
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.train import train
from pipeline.views.evaluation_page import read_series, show_mistake, write_evaluation_page
from stores.datasets.synthetic.footage import write_video
from stores.files.roots import Roots


@pytest.fixture(scope="module")
def page(learnable):
    train(TrainRun(out=learnable, epochs=12))
    path = learnable / "synthetic" / "evaluation" / "training.html"
    write_evaluation_page(path, evaluate(EvaluateRun(out=learnable)))
    return path.read_text()


def charts(page):
    """The charts by their captions, as the texts that they show."""
    found = re.findall(r'<img alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)"', page)
    trees = {alt: ElementTree.fromstring(base64.b64decode(data)) for alt, data in found}
    return {
        html.unescape(alt): [e.text for e in tree.iter() if e.text] for alt, tree in trees.items()
    }


def test_the_page_has_every_chart_and_asks_for_nothing_from_elsewhere(page):
    shown = charts(page)
    told = html.unescape("\n".join(shown))
    for part in ("Loss terms", "validation", "ROC", "Precision", "class's", "taken for", "alarms"):
        assert part in told
    assert len(shown) == 9
    losses = next(texts for alt, texts in shown.items() if alt.startswith("Loss"))
    assert {"classification", "align", "separation", "total"} <= set(losses)
    outside = re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert outside == []
    assert "<script" not in page


def test_what_reviewers_ask_for_is_a_table_with_a_sentence_each(page):
    table = page.split("What reviewers ask for as well")[1].split("</table>")[0]
    rows = re.findall(r'<tr><td>(.+?)</td><td class="n">(.+?)</td><td>(.+?)</td></tr>', table)
    assert len(rows) == 14
    assert rows[0][0] == "AUC within videos"
    assert re.fullmatch(r"\d+\.\d\d %", rows[0][1])


def test_zero_shot_clip_is_beside_the_checkpoint(page):
    table = page.split("Beside zero-shot CLIP")[1].split("</table>")[0]
    assert "nothing was trained" in table
    assert [len(re.findall('<td class="n">', row)) for row in table.split("<tr>")[2:]] == [4, 4, 4]


def test_the_curves_of_a_training_are_read_back(page, learnable):
    series = read_series(learnable / "synthetic" / "train" / "tensorboard")
    steps, values = series["selection/metric"]
    assert steps == sorted(steps)
    assert len(steps) == len(values) > 3
    assert read_series(learnable) == {}


def test_a_mistake_shows_its_frame_where_the_video_is_there(tmp_path):
    path = tmp_path / "a.mp4"
    shades = (np.full((96, 128, 3), shade, dtype=np.uint8) for shade in (20, 240))
    write_video(path, shades, codec="h264", fps=25, seed=0)
    mistake = Mistake("a<b", str(path), "fire", 0.75, 1, 1 / 25)
    roots = Roots(tmp_path, ())
    shown = show_mistake(mistake, roots)
    assert "data:image/jpeg;base64," in shown
    assert "a&lt;b, 0:00.0 (frame 1): fire, score 0.750" in shown
    path.unlink()
    assert "a.mp4: no such file" in show_mistake(mistake, roots)
    assert "lies below no folder that a run recorded" in show_mistake(mistake, Roots(None, ()))
