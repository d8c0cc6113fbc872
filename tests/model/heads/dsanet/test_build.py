import pytest
import torch

from model.heads.dsanet.build import build_branches, build_dsanet


def test_prompts_for_another_number_of_classes_are_refused(config, tower, prompts):
    with pytest.raises(ValueError, match="prompts of 2 classes, expected 3"):
        build_dsanet(config, tower, prompts[:2])


def test_the_same_seed_builds_the_same_model(build):
    one, other = build().learned_state(), build().learned_state()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_branches_alone_have_the_names_of_the_whole_models(config, model):
    names = build_branches(config).state_dict().keys()
    assert names == model.branches.state_dict().keys()
    assert names <= model.learned_state().keys()
