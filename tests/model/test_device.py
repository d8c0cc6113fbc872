"""Devices by name; training and scoring where tensors hold no numbers, torch's "meta".

That stands in for a GPU, of which the host is to ask nothing before its work is done: whoever asks,
or mixes devices, fails here.
"""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from model.device import can_sync, device_named
from model.heads.base import Schedule
from model.heads.segment_scorer import Temperatures
from model.training.data import TrainingSet
from model.training.step import gather_gradients, step_programs

SAMPLES = 20


@pytest.fixture
def samples():
    return TrainingSet(
        features=torch.zeros(SAMPLES, 32, 24, dtype=torch.float16),
        lengths=torch.zeros(SAMPLES, dtype=torch.int64),
        labels=torch.zeros(SAMPLES, 3),
    ).to(torch.device("meta"))


@pytest.mark.parametrize("arithmetic", ["fp32", "tf32"])
@pytest.mark.parametrize("left_out", [{}, {"normality": False}, {"text_adapter": False}])
def test_a_step_asks_for_no_number(build, config, samples, arithmetic, left_out):
    model = deepcopy(build(replace(config, **left_out))).to("meta")
    optimisers = model.optimisers(Schedule(1e-3, epochs=1, epoch_steps=2))
    programs = step_programs(model, arithmetic)
    for step in range(2):
        batch = samples.batch(torch.arange(6, device="meta"))
        terms = gather_gradients(programs, batch, model.loss_weights, part=6)
        for each in optimisers:
            each.step(0, step)
    assert terms.total(model.loss_weights).is_meta
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    with pytest.raises(RuntimeError, match="meta"):
        terms.values["classification"].item()


def test_scores_are_made_without_a_look_at_one(model, samples):
    model = deepcopy(model).to("meta")
    batch = samples.batch(torch.arange(6, device="meta"))
    with torch.inference_mode():
        found = model.scorer(Temperatures(1.0))(batch.features.float(), batch.lengths)
    assert found.probabilities.shape == (6, 32, 3)


def test_a_device_is_named_or_refused_by_name():
    assert device_named("cpu") == torch.device("cpu")
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        device_named("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no GPU is here; give --device cpu"):
            device_named("cuda")


def test_only_a_processor_is_asked_for_values():
    assert can_sync(torch.zeros(1))
    assert not can_sync(torch.zeros(1, device="meta"))
