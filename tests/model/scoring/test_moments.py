import numpy as np
import pytest

from model.scoring.moments import Moment, best_segments, ranked, similarities, video_moments


def test_similarity_is_the_cosine_of_the_likest_crop():
    segments = np.array([[[2.0, 0], [0, 0]], [[0, 1], [1, 1]]], dtype=np.float16)
    found = similarities(segments, np.array([0.0, 3.0]))
    np.testing.assert_allclose(found, [1.0, np.sqrt(0.5)])
    assert similarities(np.zeros((1, 1, 2)), np.array([0.0, 3.0])).tolist() == [0.0]


def test_neighbours_of_a_likelier_segment_are_the_same_moment():
    similarity = np.array([0.5, 0.9, 0.8, 0.1, 0.7, 0.7])
    starts = np.arange(6) * 2.0
    assert best_segments(similarity, starts, most=9, apart=0.0) == [1, 2, 4, 5, 0, 3]
    assert best_segments(similarity, starts, most=9, apart=4.0) == [1, 4]
    assert best_segments(similarity, starts, most=1, apart=0.0) == [1]


def test_times_are_those_of_the_frames_and_a_segment_past_them_has_the_last():
    times = np.arange(20) / 10
    found = video_moments("a", np.array([0.1, 0.9, 0.5]), times, most=3, apart=0.0)
    assert [(each.start, each.end) for each in found] == [
        (1.6, pytest.approx(2.0)),
        (1.9, pytest.approx(2.0)),
        (0.0, 1.6),
    ]


def test_videos_are_ranked_together():
    moments = [Moment("b", 0.0, 1.0, 0.5), Moment("a", 2.0, 3.0, 0.5), Moment("c", 0.0, 1.0, 0.7)]
    assert [each.video_id for each in ranked(moments, 2)] == ["c", "a"]
