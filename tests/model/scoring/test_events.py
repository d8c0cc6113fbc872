from dataclasses import replace

import numpy as np
import pytest

from model.scoring.events import end_time, find_breaks, find_events, frame_labels, shown_seconds
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


def with_gap(segment_scores, frame, seconds):
    """Return scores, ten frames a second, with nothing shown before one frame."""
    plain = scores(segment_scores)
    return replace(plain, times=plain.times + seconds * (np.arange(len(plain.score)) >= frame))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (9.0, [(0, 48, 0.0, 13.8)]),
        (10.5, [(0, 20, 0.0, 2.0), (20, 48, 12.5, 15.3)]),
        (86_400.0, [(0, 20, 0.0, 2.0), (20, 48, 86_402.0, 86_404.8)]),
    ],
)
def test_no_event_goes_on_over_a_gap_nor_counts_it(seconds, expected):
    events = find_events(with_gap([0.9] * 3, 20, seconds), CLASSES, EventRule())
    found = [(e.start, e.end, e.start_time, e.end_time) for e in events]
    np.testing.assert_allclose(found, expected)


def test_an_event_that_ends_where_a_gap_begins_does_not_last_for_it():
    (event,) = find_events(with_gap([0.9, 0.1], 16, 60.0), CLASSES, EventRule())
    assert (event.end, event.end_time) == (16, pytest.approx(1.6))
    assert end_time(with_gap([0.9], 15, 60.0).times, 16) == pytest.approx(61.5)


def test_how_long_a_gap_may_be_is_the_rules_and_all_frames_lie_in_events():
    wide = scores([0.9] * 3)
    wide = replace(wide, times=np.arange(48) * 15.0)  # a camera of a frame each 15 s
    assert len(find_events(wide, CLASSES, EventRule())) == 48
    (event,) = find_events(wide, CLASSES, EventRule(longest_gap=20.0))
    assert (event.start, event.end, event.end_time) == (0, 48, 720.0)


def test_between_two_gaps_a_short_stretch_is_an_event_as_a_short_video_is():
    plain = with_gap([0.9] * 3, 20, 60.0)
    twice = replace(plain, times=plain.times + 60.0 * (np.arange(48) >= 24))
    events = find_events(twice, CLASSES, EventRule())
    assert [(event.start, event.end) for event in events] == [(0, 20), (20, 24), (24, 48)]


def test_no_event_goes_on_over_a_step_of_the_clock():
    stepped = replace(scores([0.9] * 3), clock_steps=(30,))
    assert find_breaks(stepped, EventRule()) == [30]
    events = find_events(stepped, CLASSES, EventRule())
    assert [(e.start, e.end, e.end_time) for e in events] == [
        (0, 30, pytest.approx(3.0)),
        (30, 48, pytest.approx(4.8)),
    ]


def test_what_is_shown_lasts_without_its_gaps():
    assert shown_seconds(np.arange(48) / 10) == 4.7
    assert shown_seconds(with_gap([0.9] * 3, 20, 86_400.0).times) == pytest.approx(4.6)
    assert shown_seconds(np.zeros(1)) == 0.0
