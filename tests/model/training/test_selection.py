import pytest
import torch

from model.heads.segment_scorer import SegmentBranches, SegmentLogits, SegmentScorer, Temperatures
from model.heads.vadclip.probabilities import class_probabilities
from model.training.data import TrainingSet
from model.training.selection import Selection, held_out_videos, video_selection

LABELS = [("normal",)] * 20 + [("fire",)] * 10 + [("fight", "fire")] * 5 + [("rare",)]
ALONE = [""] * len(LABELS)


def test_every_set_of_labels_gives_its_share_and_a_single_video_stays():
    held = held_out_videos(LABELS, ALONE, "normal", seed=1)
    chosen = [LABELS[index] for index in held]
    assert chosen.count(("normal",)) == 4
    assert chosen.count(("fire",)) == 2
    assert chosen.count(("fight", "fire")) == 1
    assert chosen.count(("rare",)) == 0


def test_the_seed_decides():
    first, again, other = (held_out_videos(LABELS, ALONE, "normal", seed=s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_videos_of_one_recording_stay_together():
    labels = [("normal",), ("fire",)] * 20
    groups = [f"camera {index // 4}" for index in range(40)]  # each has both kinds
    for seed in range(5):
        held = held_out_videos(labels, groups, "normal", seed)
        inside = {groups[index] for index in held}
        assert len(inside) == 2
        assert held == {index for index in range(40) if groups[index] in inside}


def test_one_recording_of_a_kind_cannot_be_held_out():
    labels = [("normal",)] * 4 + [("fire",)] * 4
    with pytest.raises(ValueError, match="are of one recording"):
        held_out_videos(labels, ["", "", "", "", "a", "a", "a", "a"], "normal", seed=0)


def test_both_kinds_are_held_out_even_where_every_class_has_one_video():
    labels = [("normal",), ("normal",), ("fire",), ("fight",)]
    held = held_out_videos(labels, [""] * len(labels), "normal", seed=0)
    assert {labels[index] == ("normal",) for index in held} == {True, False}
    assert len(held) == 2


def test_too_few_videos_are_an_error_that_counts_them():
    with pytest.raises(ValueError, match="got 3 normal and 1 anomalous training videos"):
        held_out_videos([("normal",)] * 3 + [("fire",)], [""] * 4, "normal", seed=0)


def test_likelihood_decides_between_equal_metrics():
    assert Selection(0.9, -0.5) > Selection(0.9, -0.6) > Selection(0.8, -0.1)


class Echo(SegmentBranches):
    """Features of three numbers are the logits: one of the score, two of the classes."""

    window = 4

    def forward(self, features, lengths, text):
        return SegmentLogits(score=features[..., 0], align=features[..., 1:])


def test_weights_are_chosen_by_the_score_that_the_head_names():
    features = torch.zeros(4, 4, 3, dtype=torch.float16)
    features[:2, 1, 0] = 9.0  # the coarse branch takes the first two for anomalous
    features[2:, 1, 2] = 9.0  # the fine one the last two, as they are
    labels = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    held = TrainingSet(features, torch.full((4,), 4), labels)
    scorer = SegmentScorer(Echo(), torch.zeros(2, 3), class_probabilities, Temperatures(1.0))
    assert video_selection(scorer, held, "auc").metric == 0.0
    assert video_selection(scorer, held, "auc", fine=True).metric == 1.0
