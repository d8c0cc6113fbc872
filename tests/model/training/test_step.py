"""A step made in parts against the same step made plainly, in one piece."""

from dataclasses import replace

import pytest
import torch

from model.training.data import Batch
from model.training.step import float32_products, gather_gradients, step_programs

SAMPLES = 7
WEIGHTS = {"align": 1.1}


@pytest.fixture
def whole():
    """Samples of every kind of length, with zeros beyond it and one or two labels each."""
    torch.manual_seed(2)
    lengths = torch.tensor([32, 1, 5, 17, 32, 16, 9])
    features = torch.randn(SAMPLES, 32, 24)
    features[torch.arange(32) >= lengths[:, None]] = 0
    labels = torch.zeros(SAMPLES, 3)
    labels[torch.arange(SAMPLES), torch.tensor([0, 0, 1, 2, 1, 0, 2])] = 1
    labels[3, 1] = 1
    return Batch(features, lengths, labels)


def gradients(model):
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def plain(model, batch):
    model.zero_grad()
    terms = model(batch.features, batch.lengths, model.class_texts()).loss_terms(
        batch.labels, batch.lengths
    )
    terms.total(WEIGHTS).backward()
    return terms, gradients(model)


def in_parts(model, batch, part, arithmetic="fp32"):
    model.zero_grad()
    programs = step_programs(model, arithmetic)
    return gather_gradients(programs, batch, WEIGHTS, part), gradients(model)


@pytest.mark.parametrize(
    "left_out", [{}, {"normality": False}, {"alignment": False}, {"text_adapter": False}]
)
@pytest.mark.parametrize("part", [1, 3, SAMPLES])
def test_parts_add_up_to_the_plain_step(build, config, whole, part, left_out):
    model = build(replace(config, **left_out))
    terms, expected = plain(model, whole)
    found_terms, found = in_parts(model, whole, part)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        gap = (found[name] - gradient).norm() / gradient.norm()
        assert gap < 1e-5 or gradient.norm() < 1e-6, name
    assert found_terms.values.keys() == terms.values.keys()
    for name, theirs in terms.values.items():
        torch.testing.assert_close(found_terms.values[name], theirs.detach())
        assert not found_terms.values[name].requires_grad


def test_gradients_are_added_to_those_that_are_there(model, whole):
    _, once = in_parts(model, whole, 3)
    once = {name: gradient.clone() for name, gradient in once.items()}
    gather_gradients(step_programs(model), whole, WEIGHTS, 3)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, 2 * once[name])


def test_bfloat16_products_stay_near_float32_and_leave_weights_and_losses_there(model, whole):
    terms, expected = plain(model, whole)
    found_terms, found = in_parts(model, whole, 3, "bf16")
    total = terms.total(WEIGHTS).item()
    assert found_terms.total(WEIGHTS).item() == pytest.approx(total, rel=0.01)
    assert found_terms.total(WEIGHTS).item() != total
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}
    ours = torch.cat([found[name].flatten() for name in expected])
    theirs = torch.cat([gradient.flatten() for gradient in expected.values()])
    assert torch.cosine_similarity(ours, theirs, dim=0) > 0.99


def test_a_score_that_is_not_finite_shows_in_the_total(model, whole):
    with torch.no_grad():
        model.branches.score_head.weight.fill_(float("inf"))
    terms, _ = in_parts(model, whole, 3)
    assert not terms.total(WEIGHTS).isfinite()


def test_tf32_is_asked_for_during_a_step_and_not_after():
    def now():
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = now()
    with float32_products("tf32"):
        assert now() == ("high", True)
    with float32_products("fp32"):
        assert now() == ("highest", False)
    assert now() == before
