import numpy as np
import pytest

from stores.records import Event, StoreError, VideoItem, VideoScores


def test_a_video_has_a_name():
    with pytest.raises(StoreError, match="video_id is empty"):
        VideoItem("", "/videos/a.mp4")


def test_an_event_in_milliseconds_has_the_frames_that_are_shown_then():
    times = np.arange(100) / 30
    event = Event(1000, 2000, "a", "milliseconds").in_frames(times)
    assert event == Event(30, 60, "a")
    thirds = Event(33, 67, "a", "milliseconds").in_frames(times)  # of 1/30 and 2/30 s, rounded
    assert (thirds.start, thirds.end) == (1, 2)
    assert Event(1001, 1002, "a", "milliseconds").in_frames(times) == Event(31, 32, "a")
    assert Event(3, 9, "a").in_frames(times) == Event(3, 9, "a")


def test_the_rate_of_scores_is_that_of_the_usual_step():
    times = np.delete(np.arange(50) / 24, [7, 8, 30])
    item, score = VideoItem("a", ""), np.zeros(47, np.float32)
    scores = VideoScores(item, times, score, np.zeros((47, 2), np.float32))
    assert scores.rate == pytest.approx(24)
    for still in (times[:1], np.zeros(3)):
        alone = VideoScores(item, still, score[: len(still)], np.zeros((len(still), 2), np.float32))
        assert alone.rate == 1.0
