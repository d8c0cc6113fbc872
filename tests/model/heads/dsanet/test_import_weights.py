import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.import_weights import import_published, parameter_names

GOLDEN = Path(__file__).resolve().parents[4].parent / "shared" / "golden" / "public"


@pytest.fixture
def published(model, config, tower):
    """The model's own weights under their published names, with CLIP twice and unused parts."""
    learned = model.learned_state()
    state = {theirs: learned[ours] for theirs, ours in parameter_names(config).items()}
    clip = {f"clipmodel.{name}": value for name, value in tower.state_dict().items()}
    clip["clipmodel.visual.proj"] = torch.zeros(2, 2)
    clip["clipmodel.logit_scale"] = torch.zeros(())
    aliases = {f"clip_adapter.{name}": value.clone() for name, value in clip.items()}
    return {**state, **clip, **aliases, "disAdj.sigma": torch.zeros(1)}


def test_a_published_state_becomes_ours(published, model, config, tower):
    learned, clip = import_published(published, config, model, tower)
    assert learned.keys() == model.learned_state().keys()
    model.load_learned_state(learned)
    tower.load_state_dict(clip)


@pytest.mark.parametrize("switch", ["normality", "text_adapter"])
def test_names_follow_the_ablations(build, config, switch):
    changed = replace(config, **{switch: False})
    names = parameter_names(changed)
    assert set(names.values()) == build(changed).learned_state().keys()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("classifier.bias", None, r"missing classifier\.bias"),
        ("clipmodel.ln_final.bias", None, r"clip_adapter\.clipmodel\.ln_final\.bias differs"),
        ("mlp3.c_fc.bias", torch.zeros(2), r"unexpected mlp3\.c_fc\.bias"),
        ("linear.bias", torch.zeros(5), r"linear\.bias has shape \(5,\), expected \(24,\)"),
        ("clip_adapter.clipmodel.ln_final.bias", torch.full((16,), 9.0), "differs from the first"),
        ("clip_adapter.clipmodel.extra", torch.zeros(2), r"clipmodel\.extra differs"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    published, model, config, tower, name, value, message
):
    if value is None:
        del published[name]
    else:
        published[name] = value
    with pytest.raises(ValueError, match=message):
        import_published(published, config, model, tower)


def test_settings_of_another_model_are_refused(published, model, config, tower):
    with pytest.raises(ValueError, match="not built with these settings"):
        import_published(published, replace(config, decoder_depth=3), model, tower)


@pytest.mark.data
@pytest.mark.parametrize("name", ["ucf", "xd"])
def test_every_trained_parameter_of_a_published_checkpoint_has_a_name_of_ours(name):
    path = GOLDEN / f"params_{name}.json"
    if not path.is_file():
        pytest.skip(f"golden vectors are not at {GOLDEN}")
    table = json.loads(path.read_text())["params"]
    trained = {k for k, v in table.items() if v["role"] in ("main", "refiner")}
    names = parameter_names(PRESETS[name][0])
    assert names.keys() == trained
    assert len(set(names.values())) == len(names)
