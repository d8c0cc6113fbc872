from dataclasses import replace

import pytest
import torch


def test_the_total_weighs_the_separation_alone(model, batch):
    features, lengths, labels = batch
    terms = model(features, lengths, model.class_texts()).loss_terms(labels, lengths)
    assert list(terms.values) == ["classification", "align", "separation"]
    assert model.loss_weights == {"separation": 0.1}
    plain = sum(terms.values.values())
    expected = plain - 0.9 * terms.values["separation"]
    torch.testing.assert_close(terms.total(model.loss_weights), expected)


def test_the_weight_is_the_configurations(build, config):
    assert build(replace(config, separation_weight=1e-4)).loss_weights == {"separation": 1e-4}


def test_a_sample_without_a_label_is_refused(model, batch):
    features, lengths, labels = batch
    labels[2] = 0
    with pytest.raises(ValueError, match=r"samples \[2\] of the batch have no label"):
        model(features, lengths, model.class_texts()).loss_terms(labels, lengths)
