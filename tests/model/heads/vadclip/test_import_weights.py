import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.heads.base import load_published
from model.heads.vadclip.config import PRESETS
from model.heads.vadclip.import_weights import import_published, parameter_names

GOLDEN = Path(__file__).resolve().parents[4].parent / "shared" / "golden" / "vadclip"


@pytest.fixture
def published(model, config, tower):
    """The model's own weights under their published names, with CLIP and unused parts."""
    learned = model.learned_state()
    state = {theirs: learned[ours] for theirs, ours in parameter_names(config).items()}
    clip = {f"clipmodel.{name}": value for name, value in tower.state_dict().items()}
    unused = {
        "clipmodel.visual.proj": torch.zeros(2, 2),
        "clipmodel.logit_scale": torch.zeros(()),
        "disAdj.sigma": torch.zeros(1),
    }
    return {**state, **clip, **unused}


def test_a_published_state_becomes_ours(published, model, config, tower):
    assert load_published(published).name == "vadclip"
    learned, clip = import_published(published, config, model, tower)
    assert learned.keys() == model.learned_state().keys()
    assert torch.equal(learned["text.prompts.rows"], model.text.prompts.rows)
    model.load_learned_state(learned)
    tower.load_state_dict(clip)


def test_names_follow_the_ablation(build, config):
    changed = replace(config, learned_prompts=False)
    assert set(parameter_names(changed).values()) == build(changed).learned_state().keys()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("text_prompt_embeddings.weight", None, r"missing text_prompt_embeddings\.weight"),
        ("text_prompt_embeddings.weight", torch.zeros(5, 16), r"shape \(5, 16\), expected \(77"),
        ("clipmodel.text_projection", None, r"missing clipmodel\.text_projection"),
        ("video_anomaly_refiner.x", torch.zeros(2), r"unexpected video_anomaly_refiner\.x"),
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


@pytest.mark.data
@pytest.mark.parametrize("name", ["ucf", "xd"])
def test_every_trained_parameter_of_a_published_checkpoint_has_a_name_of_ours(name):
    path = GOLDEN / f"params_{name}.json"
    if not path.is_file():
        pytest.skip(f"golden vectors are not at {GOLDEN}")
    table = json.loads(path.read_text())["params"]
    names = parameter_names(PRESETS[name][0])
    assert names.keys() == {k for k, v in table.items() if v["role"] == "main"}
    assert len(set(names.values())) == len(names)
