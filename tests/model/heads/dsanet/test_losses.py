import math
from dataclasses import replace

import pytest
import torch

from model.heads.dsanet.losses import (
    background_loss,
    consistency_loss,
    event_loss,
    reconstruction_error,
)


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
    terms = model(features, lengths, model.class_texts()).loss_terms(labels, lengths)
    plain = sum(terms.values.values())
    assert model.loss_weights == {"align": 1.1}
    torch.testing.assert_close(terms.total(model.loss_weights), plain + 0.1 * terms.values["align"])


def test_without_normality_the_weight_is_not_applied(build, config, batch):
    features, lengths, labels = batch
    model = build(replace(config, normality=False))
    terms = model(features, lengths, model.class_texts()).loss_terms(labels, lengths)
    assert not {"gather", "consistency"} & terms.values.keys()
    assert model.loss_weights == {"align": 1.0}
    plain = build(replace(config, normality=False, alignment=False))
    terms = plain(features, lengths, plain.class_texts()).loss_terms(labels, lengths)
    assert list(terms.values) == ["classification", "align", "separation"]


def test_several_labels_share_a_sample(model, batch):
    features, lengths, _ = batch
    output = model(features, lengths, model.class_texts())
    one, two = torch.eye(3)[1], torch.eye(3)[2]
    found = [output.loss_terms(label.expand(4, 3), lengths) for label in (one, two, one + two)]
    for name in ("align", "event"):
        first, second, both = (terms.values[name] for terms in found)
        torch.testing.assert_close(both, (first + second) / 2)


def test_a_sample_without_a_label_is_refused(model, batch):
    features, lengths, labels = batch
    labels[2] = 0
    with pytest.raises(ValueError, match=r"samples \[2\] of the batch have no label"):
        model(features, lengths, model.class_texts()).loss_terms(labels, lengths)
