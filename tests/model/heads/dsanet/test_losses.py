import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.heads.dsanet.losses import (
    background_loss,
    bag_mean,
    classification_loss,
    consistency_loss,
    event_loss,
    loss_terms,
    reconstruction_error,
    separation_loss,
)


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


def test_smoothed_targets_are_where_event_and_background_losses_are_lowest():
    shares = torch.tensor([[0.0, 0.5, 0.5, 0.0]])
    wanted = {
        "event": 0.9 * shares + 0.1 / 4,
        "background": 0.9 * torch.tensor([[1, 0.01, 0.01, 0.01]]) / 1.03 + 0.1 / 4,
    }
    for name, target in wanted.items():
        logits = target.log().requires_grad_()
        loss = event_loss(logits, shares) if name == "event" else background_loss(logits)
        loss.backward()
        torch.testing.assert_close(logits.grad, torch.zeros(1, 4))
        torch.testing.assert_close(loss, -(target * target.log()).sum())


def test_separation_is_of_the_normal_class_from_the_others_alone():
    text = torch.tensor([[1.0, 0], [0, 1], [0, 1]])
    assert separation_loss(text) == 0
    assert separation_loss(torch.tensor([[1.0, 0], [-2, 0], [0, 1]])) == pytest.approx(0.5)


def test_reconstruction_error_is_half_the_cosine_distance():
    video = torch.tensor([[[1.0, 0], [1, 0], [1, 0]]])
    other = torch.tensor([[[2.0, 0], [-3, 0], [0, 5]]])
    assert reconstruction_error(video, other).tolist() == [[0, 1, 0.5]]


def test_consistency_counts_valid_segments_of_the_whole_batch():
    video = torch.ones(2, 3, 2)
    logits = torch.tensor([[math.log(3)] * 3, [-math.inf] * 3])  # sigmoid 0.75 and 0
    valid = torch.tensor([[True, True, True], [True, False, False]])
    found = consistency_loss(logits, video, video, valid)
    assert found == pytest.approx(3 * 0.75**2 / 4, abs=1e-6)


def test_the_total_weighs_the_alignment_alone(model, batch):
    features, lengths, labels = batch
    terms = loss_terms(model(features, lengths), labels, lengths)
    plain = sum(getattr(terms, name) for name in terms.__dataclass_fields__)
    torch.testing.assert_close(terms.total(1.0), plain)
    torch.testing.assert_close(terms.total(5.0), plain + 4 * terms.align)


def test_without_normality_the_weight_is_not_applied(build, config, batch):
    features, lengths, labels = batch
    model = build(replace(config, normality=False))
    terms = loss_terms(model(features, lengths), labels, lengths)
    assert terms.gather is None
    assert terms.consistency is None
    assert terms.total(5.0) == terms.total(1.0)
    plain = build(replace(config, normality=False, alignment=False))
    terms = loss_terms(plain(features, lengths), labels, lengths)
    torch.testing.assert_close(
        terms.total(1.0), terms.classification + terms.align + terms.separation
    )


def test_several_labels_share_a_sample(model, batch):
    features, lengths, _ = batch
    output = model(features, lengths)
    one, two = torch.eye(3)[1], torch.eye(3)[2]
    found = [loss_terms(output, label.expand(4, 3), lengths) for label in (one, two, one + two)]
    for name in ("align", "event"):
        first, second, both = (getattr(terms, name) for terms in found)
        torch.testing.assert_close(both, (first + second) / 2)


def test_a_sample_without_a_label_is_refused(model, batch):
    features, lengths, labels = batch
    labels[2] = 0
    with pytest.raises(ValueError, match=r"samples \[2\] of the batch have no label"):
        loss_terms(model(features, lengths), labels, lengths)
