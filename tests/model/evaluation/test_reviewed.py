import numpy as np
import pytest

from model.evaluation.reviewed import category_figures, reviewed_figures
from model.evaluation.summary import ScoredSplit
from stores.records import DecodeAudit, Event, VideoFeatures, VideoItem, VideoScores

OURS = {"far_anomalous@0.5": "far_abnormal@0.5", "ap_step": "ap", "ap_trapezoid": "pr_trapezoid"}
"""What some of the golden figures are called there."""


def split_of(truths, scores, rate=30.0):
    videos, results = [], []
    for index, (truth, score) in enumerate(zip(truths, scores, strict=True)):
        edges = np.flatnonzero(np.diff(np.pad(truth, 1).astype(np.int8))).reshape(-1, 2).tolist()
        events = tuple(Event(*pair, "fire") for pair in edges)
        item = VideoItem(str(index), "", "test", ("fire" if events else "normal",), events)
        frames, times = len(score), np.arange(len(score) + 1) / rate  # a frame more: see below
        audit = DecodeAudit("pyav", frames, frames, frames / rate)
        rows = np.zeros((1, frames // 16, 4), np.float16)
        videos.append(VideoFeatures(item, rows, times, audit))
        both = np.stack([1 - score, score], axis=1).astype(np.float32)
        results.append(VideoScores(item, times, score.astype(np.float32), both))
    return ScoredSplit(videos, results, ("normal", "fire"))


def test_every_golden_figure_has_its_name(golden_case):
    """Videos have one frame more than count, so that they last as long as the frames before it."""
    found = reviewed_figures(split_of(golden_case.truths, golden_case.scores), 0.5)
    shared = {OURS.get(name, name) for name in found} & golden_case.figures.keys()
    assert len(shared) == 22
    for name, value in found.items():
        if (golden := OURS.get(name, name)) in shared:
            assert value == pytest.approx(golden_case.figures[golden], rel=1e-9), name
    assert found["mean_delay_seconds@0.5"] == pytest.approx(found["mean_delay_frames@0.5"] / 30)
    assert 0 <= found["event_f1_within_1s"] <= found["event_f1_within_5s"] <= 1


def test_what_is_not_defined_is_left_out():
    truth = np.array([False] * 16 + [True] * 16)
    split = split_of([truth], [np.where(truth, 0.4, 0.1)])
    found = reviewed_figures(split, 0.5)
    assert found["within_video_auc"] == 1
    assert found["normal_videos"] == found["events_detected@0.5"] == 0
    assert not {name for name in found if "delay" in name or "per_hour" in name}
    assert category_figures(split) == {"fire": 1.0}
