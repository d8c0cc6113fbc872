import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from model.evaluation.bootstrap import Band
from model.evaluation.false_alarms import AlarmPoint
from pipeline.views import evaluation_figures as figures


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.text]


@pytest.fixture
def band():
    grid = np.linspace(0, 1, 5)
    return Band(grid, grid**0.5, 0.9 * grid**0.5, np.minimum(1.1 * grid**0.5, 1))


def test_each_chart_is_one_picture_with_its_words(band):
    random = np.random.default_rng(0)
    truth, score = random.random(200) < 0.3, random.random(200).astype(np.float32)
    charts = {
        "total": figures.draw_series({"align": ([0, 1], [2.0, 1]), "total": ([0, 1], [3, 2])}, "y"),
        "recall": figures.draw_band(band, "false alarm rate", "recall", None),
        "fire": figures.draw_bars({"fire": 0.5, "fight": 0.75}, "frame AP"),
        "taken for": figures.draw_confusion([[3, 1], [0, 2]], ["normal", "fire"]),
        "anomalous frames": figures.draw_histograms(truth, score),
        "recall of events": figures.draw_alarms([AlarmPoint(0.5, 0.8, 3.0, 1.0)]),
    }
    for word, svg in charts.items():
        assert word in texts(svg)


def test_the_same_values_make_the_same_picture(band):
    one, other = (figures.draw_band(band, "x", "y", 0.2) for _ in range(2))
    assert one == other
