import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.heads.bags import (
    align_loss,
    bag_mean,
    classification_loss,
    label_shares,
    separation_loss,
    valid_segments,
)


def test_valid_segments_are_the_first_ones():
    expected = torch.tensor([[True, True, False], [False, False, False], [True, True, True]])
    assert torch.equal(valid_segments(torch.tensor([2, 0, 3]), 3), expected)


@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    window=st.sampled_from([70, 80, 256]),
    seed=st.integers(0, 99),
)
def test_a_bag_is_the_mean_of_the_highest_valid_values(lengths, window, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(lengths), window, 3, generator=generator)
    found = bag_mean(values, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        ranked = values[row, :length].sort(dim=0, descending=True).values
        torch.testing.assert_close(found[row], ranked[: length // 16 + 1].mean(dim=0))


def test_padding_cannot_enter_a_bag_nor_receive_a_gradient():
    values = torch.tensor([[[-5.0], [-4.0], [9.0]]], requires_grad=True)
    bag_mean(values, torch.tensor([2])).sum().backward()
    assert values.grad.flatten().tolist() == [0.0, 1.0, 0.0]


def test_classification_is_certain_where_the_highest_segment_is():
    logits = torch.tensor([[-9.0, 9.0, -9.0], [-9.0, -9.0, -9.0]])
    labels = torch.tensor([[0.0, 1], [1, 0]])
    lengths = torch.tensor([3, 3])
    assert classification_loss(logits, labels, lengths) < 1e-3
    assert classification_loss(logits, labels.flip(0), lengths) > 5


def test_alignment_is_lowest_where_the_bags_agree_with_the_label():
    logits = torch.zeros(1, 3, 2)
    logits[0, 1, 1] = 9.0
    lengths = torch.tensor([3])
    assert align_loss(logits, torch.tensor([[0.0, 1]]), lengths) < 1e-3
    shared = align_loss(logits, torch.tensor([[0.5, 0.5]]), lengths)
    assert shared == pytest.approx(4.5, abs=1e-3)


def test_separation_is_of_the_normal_class_from_the_others_alone():
    text = torch.tensor([[1.0, 0], [0, 1], [0, 1]])
    assert separation_loss(text) == 0
    assert separation_loss(torch.tensor([[1.0, 0], [-2, 0], [0, 1]])) == pytest.approx(0.5)


def test_several_labels_share_a_sample_and_none_is_refused():
    labels = torch.tensor([[0.0, 1, 1], [1, 0, 0]])
    assert label_shares(labels).tolist() == [[0, 0.5, 0.5], [1, 0, 0]]
    with pytest.raises(ValueError, match=r"samples \[1\] of the batch have no label"):
        label_shares(torch.tensor([[0.0, 1], [0, 0]]))
