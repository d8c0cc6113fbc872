import numpy as np

from model.evaluation.errors import worst_mistakes
from model.evaluation.summary import ScoredSplit
from stores.records import DecodeAudit, Event, EventRule, VideoFeatures, VideoItem, VideoScores

CLASSES = ("normal", "fire")


def video(name, events, peaks):
    """A video of 200 frames with these true events, and scores that peak where told."""
    item = VideoItem(name, "", "test", ("fire",), tuple(Event(a, b, "fire") for a, b in events))
    score = np.full(200, 0.1, dtype=np.float32)
    for (start, end), peak in peaks.items():
        score[start:end] = peak
        score[(start + end) // 2] = peak + 0.01
    times = np.arange(200) / 25
    features = VideoFeatures(
        item, np.zeros((1, 13, 4), np.float16), times, DecodeAudit("pyav", 200, 200, 8.0)
    )
    return features, VideoScores(item, times, score, np.stack([1 - score, score], axis=1))


def test_false_alarms_by_their_peaks_and_misses_by_theirs():
    pairs = [
        video("a", [], {(32, 64): 0.7}),
        video("b", [(16, 48)], {(32, 64): 0.9, (128, 160): 0.8}),
        video("c", [(16, 48), (100, 130)], {(16, 48): 0.3}),
    ]
    test, scores = zip(*pairs, strict=True)
    alarms, misses = worst_mistakes(ScoredSplit(test, scores, CLASSES), EventRule())
    assert [(m.video_id, m.frame, m.label) for m in alarms] == [
        ("b", 144, "fire"),
        ("a", 48, "fire"),
    ]
    assert [(m.video_id, round(m.score, 2)) for m in misses] == [("c", 0.1), ("c", 0.31)]
    assert misses[1].seconds == 32 / 25
    assert len(worst_mistakes(ScoredSplit(test, scores, CLASSES), EventRule(), most=1)[0]) == 1
