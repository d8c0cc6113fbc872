"""Training and scoring on a device whose tensors hold no numbers, torch's "meta".

It stands in for a GPU, of which the host is to ask nothing before its work is done: whoever asks,
or mixes devices, fails here.
"""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from model.heads.dsanet.optim import build_optimisers
from model.training.data import TrainingSet
from model.training.step import gather_gradients, step_programs

SAMPLES = 20


@pytest.fixture
def samples():
    return TrainingSet(
        features=torch.zeros(SAMPLES, 32, 24, dtype=torch.float16),
        lengths=torch.zeros(SAMPLES, dtype=torch.int64),
        labels=torch.zeros(SAMPLES, 3),
        video=torch.zeros(SAMPLES, dtype=torch.int64),
    ).to(torch.device("meta"))


@pytest.mark.parametrize("arithmetic", ["fp32", "tf32"])
@pytest.mark.parametrize("left_out", [{}, {"normality": False}, {"text_adapter": False}])
def test_a_step_asks_for_no_number(build, config, samples, arithmetic, left_out):
    model = deepcopy(build(replace(config, **left_out))).to("meta")
    optimisers = build_optimisers(model, 1e-3)
    programs = step_programs(model, arithmetic)
    for _ in range(2):
        optimisers.zero_grad()
        batch = samples.batch(torch.arange(6, device="meta"))
        terms = gather_gradients(programs, batch, 1.1, part=6)
        optimisers.step(1e-3, 1e-3)
    assert terms.total(1.1).is_meta
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    with pytest.raises(RuntimeError, match="meta"):
        terms.classification.item()


def test_scores_are_made_without_a_look_at_one(model, samples):
    model = deepcopy(model).to("meta")
    batch = samples.batch(torch.arange(6, device="meta"))
    with torch.inference_mode():
        logits = model.segment_logits(batch.features.float(), batch.lengths, model.text())
    assert logits.align.shape == (6, 32, 3)
