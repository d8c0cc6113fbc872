import pytest
import torch

from model.heads.renaming import affine, branch_names, rename_published


def test_the_branches_parameters_have_one_name_each(model, config):
    names = branch_names(config.temporal_layers)
    assert set(names.values()) == model.branches.state_dict().keys()
    assert len(set(names.values())) == len(names)
    assert set(branch_names(3)) - set(names) > {"temporal.resblocks.2.attn.in_proj_weight"}


def test_a_layer_has_weight_and_bias():
    assert dict(affine({"a": "b"}, "x.", "y.")) == {
        "x.a.weight": "y.b.weight",
        "x.a.bias": "y.b.bias",
    }


def test_problems_are_named_together(model, tower):
    names = {f"their.{name}": name for name in model.learned_state()}
    state = {theirs: model.learned_state()[ours] for theirs, ours in names.items()}
    state |= {f"clipmodel.{name}": value for name, value in tower.state_dict().items()}
    learned, clip = rename_published(state, names, model, tower)
    assert learned.keys() == model.learned_state().keys()
    assert clip.keys() == tower.state_dict().keys()
    del state["their.score_head.bias"]
    state["their.extra"] = torch.zeros(1)
    with pytest.raises(
        ValueError, match=r"missing their\.score_head\.bias; unexpected their\.extra"
    ):
        rename_published(state, names, model, tower)
