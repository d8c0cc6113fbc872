from dataclasses import replace

import pytest
import torch

from model.heads.dsanet.config import PRESETS
from model.training.data import TrainingSet
from model.training.samplers import draw_epoch, epoch_steps, paired_batches, shuffled_batches


def samples(labels):
    count = len(labels)
    return TrainingSet(
        features=torch.zeros(count, 4, 2, dtype=torch.float16),
        lengths=torch.full((count,), 4),
        labels=torch.eye(2)[torch.tensor(labels)],
    )


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("sampling", "steps"), [("paired", 2), ("shuffled", 5)])
def test_an_epoch_has_the_steps_that_were_announced(sampling, steps):
    settings = replace(PRESETS["small"][1], sampling=sampling, batch=3)
    all_samples = samples([0] * 6 + [1] * 7)
    drawn = draw_epoch(all_samples, settings, generator())
    assert len(drawn) == epoch_steps(all_samples, settings) == steps


def test_pairs_are_half_normal_and_drawn_without_replacement():
    anomalous = torch.tensor([False] * 7 + [True] * 5)
    batches = paired_batches(anomalous, 2, generator())
    assert len(batches) == 2
    drawn = torch.cat(batches)
    assert len(set(drawn.tolist())) == 8
    for batch in batches:
        assert anomalous[batch].tolist() == [False, False, True, True]


def test_too_few_of_a_kind_are_an_error_that_counts_them():
    with pytest.raises(ValueError, match="got 1 normal and 3 anomalous .*give --batch 1 or less"):
        paired_batches(torch.tensor([False, True, True, True]), 2, generator())
    with pytest.raises(ValueError, match="got 0 normal and 2 .*bring videos of both kinds"):
        paired_batches(torch.tensor([True, True]), 1, generator())


def test_shuffled_batches_cover_all_samples_once():
    batches = shuffled_batches(10, 4, generator())
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(torch.cat(batches).tolist()) == list(range(10))
