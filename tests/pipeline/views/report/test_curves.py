import base64
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.views.report import curves


def decode(text, kind):
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def rebuilt(piece, classes):
    lengths = decode(piece.lengths, "<u4")
    score = np.repeat(decode(piece.scores, "<f4"), lengths)
    rows = decode(piece.classes, "<f4").reshape(-1, classes)
    even = piece.start + piece.step * np.arange(piece.frames)
    times = decode(piece.times, "<f8") if piece.times else even
    return score, np.repeat(rows, lengths, axis=0), times


@pytest.mark.parametrize("frames", [1, 41, 200, 70_000])
@pytest.mark.parametrize("is_regular", [True, False])
def test_pieces_hold_every_value_of_a_video(make_scores, frames, is_regular):
    random = np.random.default_rng(frames)
    times = np.arange(frames) / 25 if is_regular else np.cumsum(random.uniform(0.01, 0.2, frames))
    scores = make_scores(frames=frames, times=times)
    found = list(curves.pieces(scores))
    assert [piece.first for piece in found] == list(range(0, frames, curves.PIECE_FRAMES))
    parts = [rebuilt(piece, classes=3) for piece in found]
    score, probabilities, when = (np.concatenate(each) for each in zip(*parts, strict=True))
    np.testing.assert_array_equal(score, scores.score)
    np.testing.assert_array_equal(probabilities, scores.probabilities)
    np.testing.assert_allclose(when, times, atol=1e-6, rtol=0)
    assert all(bool(piece.times) != is_regular for piece in found if piece.frames > 2)


def test_equal_frames_are_one_run(make_scores):
    (piece,) = curves.pieces(make_scores(frames=200))
    assert decode(piece.lengths, "<u4").tolist() == [40, 20, 140]


@given(
    score=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=300),
    buckets=st.integers(1, 40),
)
def test_a_thinned_curve_keeps_every_peak_and_dip_and_both_ends(score, buckets):
    values = np.asarray(score, dtype=np.float32)
    frames = curves.extremes(values, buckets)
    assert frames[0] == 0
    assert frames[-1] == len(values) - 1
    assert (np.diff(frames) > 0).all()
    assert len(frames) <= 2 * buckets + 2
    edges = [*np.unique(np.arange(buckets) * len(values) // buckets), len(values)]
    for start, end in pairwise(edges):
        kept = values[frames[(frames >= start) & (frames < end)]]
        assert kept.max() == values[start:end].max()
        assert kept.min() == values[start:end].min()


def test_only_a_long_video_has_an_overview_and_one_frame_is_seen_in_it(make_scores):
    assert curves.overview(make_scores(frames=curves.PIECE_FRAMES)) is None
    scores = make_scores(frames=1_080_000, peak=0.1)
    scores.score[777_777] = 0.96
    scores.probabilities[777_777] = [0.04, 0.9, 0.06]
    found = curves.overview(scores)
    assert len(found.times) <= 2 * curves.OVERVIEW_BUCKETS + 2
    assert max(found.scores) == pytest.approx(0.96)
    assert found.times[int(np.argmax(found.scores))] == pytest.approx(777_777 / 25, abs=1e-3)
    strengths = decode(found.strengths, np.uint8).reshape(-1, 3)
    assert len(found.stretch_times) == len(strengths) + 1
    row = int(strengths[:, 1].argmax())
    assert strengths[row, 1] == round(0.9 * 255)
    assert found.stretch_times[row] <= 777_777 / 25 < found.stretch_times[row + 1]


def test_a_sparkline_has_the_highest_score_of_each_bucket_in_per_cent(make_scores):
    assert curves.sparkline(make_scores(frames=100).score, 5) == [10, 10, 90, 10, 10]
    assert curves.sparkline(np.asarray([0.5], dtype=np.float32), 60) == [50]
