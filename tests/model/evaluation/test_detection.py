import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.detection import IOU_THRESHOLDS, detection_metrics, propose
from stores.records import Event

CLASSES = ("normal", "fighting", "fire")


def video(frames, *peaks):
    """Class probabilities [F,3] that are low but for peaks (class, start, end, height)."""
    values = np.full((frames, 3), 0.1, dtype=np.float32)
    values[0, :] = 0.05  # so that no class is constant
    for label, start, end, height in peaks:
        values[start:end, label] = height
    return values


def test_a_clear_peak_is_one_proposal():
    found = propose(video(160, (1, 32, 64, 0.9)))
    chosen = found.label == 1
    assert found.start[chosen].tolist() == [32]
    assert found.end[chosen].tolist() == [64]
    assert found.score[chosen][0] == pytest.approx(0.9 + 0.7 * 0.9)


@given(st.integers(1, 200), st.integers(0, 999))
def test_proposals_are_the_runs_above_the_threshold(frames, seed):
    values = np.random.default_rng(seed).random((frames, 2)).round(1)
    found = propose(values)
    for label in range(2):
        column = values[:, label]
        above = column > column.max() - 0.6 * (column.max() - column.min())
        runs, start = [], None
        for frame, is_above in enumerate([*above, False]):
            if is_above and start is None:
                start = frame
            elif not is_above and start is not None:
                runs.append((start, frame))
                start = None
        level = np.sort(column)[::-1][: max(frames // 16, 1)].mean()
        runs = [run for run in runs if run[1] - run[0] >= 2 and level > 0]
        mine = found.label == label
        assert list(zip(found.start[mine], found.end[mine], strict=True)) == runs
        peaks = [column[a:b].max() + 0.7 * level for a, b in runs]
        np.testing.assert_allclose(found.score[mine], peaks)


def test_perfect_detections_reach_one_for_the_anomalies():
    probabilities = [video(160, (1, 32, 64, 0.9)), video(160, (2, 80, 160, 0.8))]
    events = [[Event(32, 64, "fighting")], [Event(80, 160, "fire")]]
    found = detection_metrics(probabilities, events, CLASSES)
    assert found.anomaly.tolist() == [1.0] * len(IOU_THRESHOLDS)
    np.testing.assert_allclose(found.published, 2 / 3)  # normal has no event and counts as 0
    assert found.silent == ()


def test_overlap_decides_at_which_threshold_a_detection_counts():
    found = detection_metrics(
        [video(160, (1, 32, 64, 0.9)), video(160)],
        [[Event(32, 112, "fighting")], []],  # IoU 32 / 80 = 0.4
        CLASSES,
    )
    assert found.per_class[:, 1].tolist() == [1, 1, 1, 1, 0]
    assert found.with_events.tolist() == [False, True, False]
    assert found.anomaly.tolist() == [1, 1, 1, 1, 0]


def test_an_event_is_found_once_and_the_best_proposal_comes_first():
    # Two detections of the same event, the better one in the wrong place.
    probabilities = [video(320, (1, 32, 64, 0.8)), video(320, (1, 200, 240, 0.9))]
    events = [[Event(32, 64, "fighting")], [Event(32, 64, "fighting")]]
    found = detection_metrics(probabilities, events, CLASSES)
    np.testing.assert_allclose(found.per_class[:, 1], (1 / 2) / 2)


def test_the_label_of_a_detection_counts():
    found = detection_metrics([video(160, (1, 32, 64, 0.9))], [[Event(32, 64, "fire")]], CLASSES)
    assert found.per_class[:, 1].tolist() == [0] * 5


def test_a_constant_column_is_nothing_published_and_the_rest_honestly():
    probabilities = [video(160, (1, 32, 64, 0.9))]
    probabilities[0][:, 2] = 0.125
    found = detection_metrics(probabilities, [[Event(32, 64, "fighting")]], CLASSES)
    assert found.silent == ("fire",)
    assert found.published.tolist() == [0] * 5
    assert found.anomaly.tolist() == [1] * 5


def test_a_video_shorter_than_a_segment_has_finite_scores():
    found = propose(video(5, (1, 1, 3, 0.9)))
    assert np.isfinite(found.score).all()


def test_an_event_of_no_class_is_refused_by_name():
    with pytest.raises(ValueError, match="'A'"):
        detection_metrics([video(32)], [[Event(0, 32, "A")]], CLASSES)


def test_no_anomalous_event_means_no_anomaly_figure():
    found = detection_metrics([video(32)], [[]], CLASSES)
    with pytest.raises(ValueError, match="no anomaly class has an event"):
        _ = found.anomaly
