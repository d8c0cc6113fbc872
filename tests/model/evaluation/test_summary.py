from dataclasses import asdict, replace

import numpy as np
import pytest

from model.evaluation.summary import (
    HEADLINE,
    ScoredSplit,
    class_precisions,
    frame_metric,
    score_details,
    score_metrics,
)
from stores.records import (
    DecodeAudit,
    Event,
    EventRule,
    VideoFeatures,
    VideoItem,
    VideoScores,
)

CLASSES = ("normal", "fire", "fight")


def video(name, label, events, *, frames=160, segments=10, seed=0):
    """A video whose score is high in its events, and a little noise elsewhere."""
    random = np.random.default_rng(seed)
    score = np.repeat(0.3 * random.random(10), 16)[:frames].astype(np.float32)
    for start, end in events:
        score[start:end] = 0.9
    index = CLASSES.index(label)
    probabilities = np.zeros((frames, 3), dtype=np.float32)
    probabilities[:, 0] = 1 - score
    probabilities[:, index or 1] += score
    item = VideoItem(name, "", "test", (label,), tuple(Event(a, b, label) for a, b in events))
    times = np.arange(frames) / 25
    audit = DecodeAudit("pyav", frames, frames, frames / 25)
    features = VideoFeatures(item, np.zeros((1, segments, 4), np.float16), times, audit)
    return features, VideoScores(item, times, score, probabilities)


@pytest.fixture
def split():
    pairs = [
        video("a", "normal", []),
        video("b", "fire", [(32, 64)], seed=1),
        video("c", "fight", [(16, 48), (96, 128)], seed=2),
        video("d", "normal", [], seed=3),
    ]
    return ScoredSplit(*zip(*pairs, strict=True), CLASSES)


def test_scores_that_agree_with_the_truth_reach_the_highest_figures(split):
    metrics = score_metrics(split)
    assert {*HEADLINE.values(), "auc_fine", "map@0.5", "map_published"} <= metrics.keys()
    assert metrics["auc"] == metrics["ap"] == metrics["map"] == 1
    assert metrics["auc"] == frame_metric(split, "auc")
    assert metrics["ap"] == frame_metric(split, "ap")
    assert class_precisions(split) == {"fire": 1.0, "fight": 1.0}


def test_a_normal_video_that_counts_as_an_event_moves_the_published_mean_alone(split):
    other = ScoredSplit(split.videos, split.scores, CLASSES, normal_is_event=True)
    plain, counted = score_metrics(split), score_metrics(other)
    assert plain.pop("map_published") != counted.pop("map_published")
    assert plain == counted


def test_frames_past_the_last_segment_do_not_count():
    features, scores = video("a", "fire", [(140, 160)], segments=9, frames=160)
    split = ScoredSplit([features], [scores], CLASSES)
    assert split.counted == [144]
    assert split.truths[0].tolist() == [False] * 140 + [True] * 4
    assert split.counted_probabilities[0].shape == (144, 3)


def test_details_say_how_sure_and_at_what_price(split):
    details = score_details(split, EventRule())
    assert np.trace(details.confusion) == 4
    assert details.class_auc == {"normal": 1.0, "fire": 1.0, "fight": 1.0}
    assert max(point.recall for point in details.alarms) == 1
    assert split.hours == pytest.approx(4 * 159 / 25 / 3600)
    assert set(asdict(details)) == {"intervals", "class_auc", "confusion", "alarms"}


def test_gaps_and_steps_of_the_clock_are_no_hours_and_end_alarms(split):
    """The fourth video's clock steps, and the first one shows nothing for a day."""
    features, scores = [*split.videos], [*split.scores]
    late = features[0].times + 86_400.0 * (np.arange(160) >= 80)
    features[0], scores[0] = replace(features[0], times=late), replace(scores[0], times=late)
    scores[3] = replace(scores[3], clock_steps=(80,))
    broken = ScoredSplit(features, scores, CLASSES)
    assert broken.breaks == [[80], [], [], [80]]
    assert broken.hours == pytest.approx((4 * 159 - 1) / 25 / 3600)


def test_the_fine_score_is_what_the_probabilities_leave_to_anomalies(split):
    scores = [replace(each, score=np.zeros_like(each.score)) for each in split.scores]
    blind = replace(split, scores=scores)
    assert frame_metric(blind, "auc") == 0.5
    assert frame_metric(blind, "auc", fine=True) == score_metrics(blind)["auc_fine"] > 0.9
