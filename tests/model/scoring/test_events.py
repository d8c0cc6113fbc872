import numpy as np

from model.scoring.events import find_events, frame_labels
from stores.records import EventRule, VideoItem, VideoScores

CLASSES = ("normal", "fire", "fight")


def scores(segment_scores, fire=0.7):
    score = np.repeat(np.asarray(segment_scores, dtype=np.float32), 16)
    kinds = np.stack([1 - score, score * fire, score * (1 - fire)], axis=1)
    return VideoScores(
        VideoItem("v", "v.mp4"), np.arange(len(score)) / 10, score, kinds.astype(np.float32)
    )


def test_events_are_half_open_in_frames_and_seconds():
    (event,) = find_events(scores([0.1, 0.9, 0.7, 0.1]), CLASSES, EventRule())
    assert (event.start, event.end) == (16, 48)
    assert (event.start_time, event.end_time) == (1.6, 4.8)
    assert event.label == "fire"
    np.testing.assert_allclose([event.peak, event.mean], [0.9, 0.8], rtol=1e-6)


def test_an_event_at_the_very_end_lasts_one_frame_past_the_last():
    (event,) = find_events(scores([0.1, 0.9]), CLASSES, EventRule())
    assert (event.end, event.end_time) == (32, 3.2)


def test_a_score_that_trembles_around_the_threshold_is_one_event():
    assert len(find_events(scores([0.6, 0.45, 0.6]), CLASSES, EventRule())) == 1
    assert len(find_events(scores([0.6, 0.3, 0.6]), CLASSES, EventRule())) == 2
    assert find_events(scores([0.45, 0.45]), CLASSES, EventRule()) == []


def test_runs_shorter_than_the_minimum_are_dropped_but_not_in_a_shorter_video():
    rule = EventRule(minimum_frames=20)
    assert find_events(scores([0.1, 0.9, 0.1]), CLASSES, rule) == []
    assert len(find_events(scores([0.9]), CLASSES, rule)) == 1


def test_a_frame_over_the_threshold_is_never_called_normal():
    # p(normal) = 0.4 is the largest of 0.4, 0.3, 0.3.
    labels, probability = frame_labels(scores([0.6, 0.2], fire=0.5), threshold=0.5)
    assert labels[0] == 1
    assert labels[-1] == 0
    np.testing.assert_allclose([probability[0], probability[-1]], [0.3, 0.8], rtol=1e-6)
