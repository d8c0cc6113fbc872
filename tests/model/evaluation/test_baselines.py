import json

import numpy as np
import pytest

from model.evaluation.baselines import length_auc, video_label_auc
from model.evaluation.metrics import frame_truth, roc_auc
from stores.records import Event


def plain(truths, score_of):
    scores = [np.full(len(truth), score_of(truth), dtype=float) for truth in truths]
    return roc_auc(np.concatenate(truths), np.concatenate(scores))


def test_they_are_the_auc_of_one_score_a_video(golden_case):
    truths = golden_case.truths
    assert length_auc(truths) == pytest.approx(plain(truths, lambda t: -len(t)), abs=1e-12)
    assert video_label_auc(truths) == pytest.approx(plain(truths, lambda t: t.any()), abs=1e-12)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "split", "events", "length", "labels"),
    [
        ("sht", "split", "events", 0.923, 0.965),
        ("tad", "split_umil", "events_umil", 0.881, 0.927),
        ("tad", "split_lagovad", "events_lagovad", 0.898, 0.923),
    ],
)
def test_published_splits_are_told_apart_by_length(
    shared_data, name, split, events, length, labels
):
    videos = json.loads((shared_data / name / "frames_and_events.json").read_text())
    truths = [
        frame_truth([Event(*pair, "") for pair in video.get(events, [])], frames)
        for video in videos.values()
        if video.get(split) == "test"
        for frames in [video.get("n_frames") or video["n_frames_joint"]]
    ]
    assert length_auc(truths) == pytest.approx(length, abs=5e-4)
    assert video_label_auc(truths) == pytest.approx(labels, abs=5e-4)


def test_frames_of_one_kind_define_no_auc():
    with pytest.raises(ValueError, match="frames of one kind"):
        length_auc([np.zeros(4, dtype=bool)])
