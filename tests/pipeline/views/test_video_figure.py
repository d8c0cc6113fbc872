import numpy as np
from matplotlib.colors import to_rgba

from pipeline.views.video_figure import class_colour, draw_video, save_png, thin
from stores.records import EventRule, ScoredEvent, VideoItem, VideoScores

CLASSES = ("normal", "fire", "flood")


def test_the_figure_has_the_curve_and_every_event_in_its_class_colour(tmp_path):
    score = np.linspace(0, 1, 50, dtype=np.float32)
    scores = VideoScores(
        item=VideoItem("a.mp4", ""),
        times=np.arange(50) / 25,
        score=score,
        probabilities=np.stack([1 - score, score, 0 * score], axis=1),
    )
    events = [
        ScoredEvent(10, 20, 0.4, 0.8, "flood", 0.9, 0.9),
        ScoredEvent(30, 40, 1.2, 1.6, "fire", 0.9, 0.9),
    ]
    figure = draw_video(scores, events, CLASSES, EventRule())
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), score)
    spans = [tuple(patch.get_facecolor()[:3]) for patch in axes.patches]
    assert spans == [to_rgba(class_colour(CLASSES, e.label))[:3] for e in events]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["flood", "fire"]
    save_png(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_class_has_the_colour_that_it_has_in_the_report():
    """As ``report.classColour`` makes it of hue 12 and 150 in light colours."""
    expected = [(0.729, 0.283, 0.171), (0.171, 0.729, 0.45)]
    found = [class_colour(CLASSES, name) for name in CLASSES[1:]]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_dense_curve_keeps_its_peaks():
    values = np.zeros(1_000_003, dtype=np.float32)
    values[777_777] = 1.0
    times, thinned = thin(np.arange(len(values)) / 25, values)
    assert len(times) == len(thinned) <= 2000
    assert thinned.max() == 1.0
    assert abs(times[thinned.argmax()] - 777_777 / 25) < 25
