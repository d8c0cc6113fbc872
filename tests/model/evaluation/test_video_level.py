import numpy as np
import pytest

from model.evaluation.video_level import class_aucs, confusion, highest_mean, video_table

CLASSES = ("normal", "fight", "fire")


def test_the_mean_of_the_highest_segments_is_that_of_training():
    values = np.repeat(np.arange(40.0), 16)[:, None]  # 40 segments: the 3 highest count
    assert highest_mean(values) == pytest.approx(38.0)
    assert highest_mean(values[:7]) == pytest.approx(0.0)


def table(*rows):
    """Return the table of videos of one segment with the given score and probabilities."""
    scores = [np.full(16, row[0]) for row in rows]
    probabilities = [np.tile([1 - row[0], *row[1:]], (16, 1)) for row in rows]
    return video_table(scores, probabilities)


def test_classes_are_told_apart_video_by_video():
    found = table((0.1, 0.1, 0.0), (0.9, 0.8, 0.1), (0.7, 0.3, 0.4), (0.6, 0.5, 0.1))
    labels = [("normal",), ("fight",), ("fire",), ("fire",)]
    aucs = class_aucs(found, labels, CLASSES)
    assert aucs == {"normal": 1.0, "fight": 1.0, "fire": pytest.approx(0.875)}
    assert class_aucs(found, [("fire",)] * 4, CLASSES) == {}
    counts = confusion(found, labels, CLASSES, threshold=0.5)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_a_video_of_several_classes_is_right_with_any_of_them():
    found = table((0.9, 0.1, 0.8), (0.2, 0.1, 0.1))
    counts = confusion(found, [("fight", "fire"), ("fight", "fire")], CLASSES, threshold=0.5)
    assert counts.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
