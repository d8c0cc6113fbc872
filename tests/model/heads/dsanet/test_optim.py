import copy
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from model.heads.base import Schedule
from model.heads.dsanet.optim import StableAdamW, main_rate, normality_rate


def test_a_first_step_is_signed_and_of_the_size_of_the_rate():
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    parameter.grad = torch.tensor([30.0, -0.5])
    StableAdamW([parameter], lr=0.01, weight_decay=0.0).step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([0.99, -1.99]))


def test_weight_decay_comes_before_the_step():
    parameter = torch.nn.Parameter(torch.tensor([2.0]))
    parameter.grad = torch.tensor([0.0])
    StableAdamW([parameter], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([2.0 * (1 - 0.05)]))


def test_a_gradient_that_explodes_shrinks_its_step():
    steps = {}
    for factor in (1.0, 1000.0):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimiser = StableAdamW([parameter], lr=0.1, weight_decay=0.0)
        for gradient in [1.0] * 20 + [factor]:
            before = parameter.item()
            parameter.grad = torch.tensor([gradient])
            optimiser.step()
        steps[factor] = before - parameter.item()
    assert steps[1000.0] < steps[1.0]


def test_parameters_without_a_gradient_stay():
    parameter = torch.nn.Parameter(torch.ones(2))
    StableAdamW([parameter], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(parameter.detach(), torch.ones(2))


def update(model, batch, optimisers, step):
    features, lengths, labels = batch
    terms = model(features, lengths, model.class_texts()).loss_terms(labels, lengths)
    total = terms.total({"align": 1.1})
    model.zero_grad()
    total.backward()
    for each in optimisers:
        each.step(epoch=0, step=step)
    return total.item()


SCHEDULE = Schedule(learning_rate=1e-3, epochs=2, epoch_steps=100)


def test_a_resumed_optimiser_goes_on_exactly(model, batch):
    optimisers = model.optimisers(SCHEDULE)
    for step in (20, 21):
        update(model, batch, optimisers, step)
    weights = {name: value.clone() for name, value in model.learned_state().items()}
    saved = copy.deepcopy([each.optimiser.state_dict() for each in optimisers])
    for step in (22, 23):
        update(model, batch, optimisers, step)
    expected = {name: value.clone() for name, value in model.learned_state().items()}

    model.load_learned_state(weights)
    resumed = model.optimisers(SCHEDULE)
    for each, state in zip(resumed, saved, strict=True):
        each.optimiser.load_state_dict(state)
    for step in (22, 23):
        update(model, batch, resumed, step)
    assert all(torch.equal(value, expected[name]) for name, value in model.learned_state().items())


def test_training_lowers_the_loss_and_leaves_clip_alone(model, batch):
    tower = {name: value.clone() for name, value in model.text.tower.state_dict().items()}
    optimisers = model.optimisers(SCHEDULE)
    totals = [update(model, batch, optimisers, step) for step in range(100, 130)]
    assert totals[-1] < 0.7 * totals[0]
    assert all(torch.equal(v, tower[k]) for k, v in model.text.tower.state_dict().items())


def test_each_optimiser_has_a_rate_of_its_own(model, batch):
    main, normality = model.optimisers(SCHEDULE)
    assert (main.name, normality.name) == ("main", "normality")
    assert [main.rate(epoch, 7) for epoch in (0, 1)] == [1e-3, pytest.approx(5e-4)]
    assert normality.rate(0, 0) == 0
    assert normality.rate(0, 99) == normality.rate(1, 99) == 1e-3
    update(model, batch, (main, normality), step=50)
    assert normality.optimiser.param_groups[0]["lr"] == normality.rate(0, 50)


def test_every_trained_parameter_has_one_optimiser(build, config):
    model = build()
    main, normality = (
        {id(p) for group in each.optimiser.param_groups for p in group["params"]}
        for each in model.optimisers(SCHEDULE)
    )
    assert normality == {id(p) for p in model.normality.parameters()}
    assert normality | main == {id(p) for p in model.parameters() if p.requires_grad}
    assert not normality & main
    assert len(build(replace(config, normality=False)).optimisers(SCHEDULE)) == 1


def test_the_normality_rate_warms_up_and_falls_to_a_tenth():
    rates = [normality_rate(step, peak=1.0, steps=500) for step in range(600)]
    assert rates[0] == 0
    assert rates[99] == rates[100] == 1
    assert all(a < b for a, b in pairwise(rates[:100]))
    assert all(a > b for a, b in pairwise(rates[100:501]))
    assert rates[500:] == [0.1] * 100
    assert rates[300] == pytest.approx(0.55)


def test_a_training_shorter_than_the_warm_up_never_reaches_the_peak():
    assert max(normality_rate(step, peak=1.0, steps=60) for step in range(99)) < 0.61
    assert max(normality_rate(step, peak=1.0, steps=60, warmup=10) for step in range(60)) == 1
    assert normality_rate(0, peak=1.0, steps=5, warmup=1) == 0


def test_the_main_rate_is_a_cosine_over_epochs():
    assert [main_rate(epoch, 2.0, 4) for epoch in (0, 2)] == [2.0, pytest.approx(1.0)]
    assert main_rate(3, 2.0, 4) == pytest.approx(1 + math.cos(0.75 * math.pi))
