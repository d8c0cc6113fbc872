from dataclasses import replace

import pytest
import torch

from extract.recipe import RECIPES
from pipeline.commands.train import TrainRun
from pipeline.stages.training_plan import build_head, make_checkpoint, make_plan
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import Event, StoreError


@pytest.fixture(scope="module")
def run(learnable):
    return TrainRun(dataset="synthetic", out=learnable)


def test_the_plan_has_the_shape_of_the_features_and_the_settings_of_the_run(run):
    plan = make_plan(
        replace(run, epochs=3, batch=4, seed=7, arithmetic="bf16", without="alignment")
    )
    assert (plan.head, plan.model.width, plan.model.classes) == ("dsanet", 64, 5)
    assert (plan.training.epochs, plan.training.batch, plan.training.seed) == (3, 4, 7)
    assert (plan.training.arithmetic, plan.training.metric) == ("bf16", "auc")
    assert (plan.model.normality, plan.model.alignment) == (True, False)
    assert plan.provenance.clip_weights == ""
    assert {video.item.split for video in plan.load_test()} == {"test"}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"epochs": 3},
        {"without": "normality"},
        {"head": "vadclip"},
        {"protocol": "paper"},
        {"weights": "seed 0"},
    ],
)
def test_what_decides_the_weights_changes_the_key(run, change):
    assert make_plan(replace(run, **change)).provenance.key != make_plan(run).provenance.key


@pytest.mark.parametrize("change", [{"name": "other"}, {"force": True}, {"device": "cpu"}])
def test_what_does_not_leaves_it(run, change):
    assert make_plan(replace(run, **change)).provenance.key == make_plan(run).provenance.key


def test_the_head_is_the_one_asked_for_with_its_own_settings_and_parts(run):
    plan = make_plan(replace(run, head="vadclip", without="learned-prompts, visual_prompt"))
    assert (plan.head, plan.training.temperature) == ("vadclip", 1.0)
    assert (plan.model.learned_prompts, plan.model.visual_prompt) == (False, False)
    with pytest.raises(ValueError, match="unknown head 'clip'; there are dsanet, vadclip"):
        make_plan(replace(run, head="clip"))
    with pytest.raises(ValueError, match="no part normality to leave out; there are learned_p"):
        make_plan(replace(run, head="vadclip", without="normality"))


def test_a_seed_makes_a_head_and_a_head_a_checkpoint(run):
    plan = make_plan(run)
    head, again = (build_head(plan, torch.device("cpu")) for _ in range(2))
    other = build_head(make_plan(replace(run, seed=1)), torch.device("cpu"))
    weights = [each.learned_state()["score_head.weight"] for each in (head, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    checkpoint = make_checkpoint(plan, head, {"auc": 0.5})
    assert (checkpoint.head, checkpoint.metrics) == ("dsanet", {"auc": 0.5})
    torch.testing.assert_close(checkpoint.text, head.class_texts())


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), r"the test split \(2 videos\) has no anomalous frame, so that no figure"),
        ((Event(0, 10**6, "Fighting"),), "has no normal frame, so that no figure"),
    ],
)
def test_a_test_split_of_one_kind_is_told_before_the_training(
    tmp_path, make_features, events, said
):
    recipe = RECIPES["demo"]
    test = {"split": "test", "labels": ("Fighting",), "events": events}
    videos = [
        make_features("a", split="train", labels=("Normal",)),
        *(make_features(name, **test) for name in "bc"),
    ]
    folder = tmp_path / "ucf" / "features"
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), videos)
    with pytest.raises(StoreError, match=said):
        make_plan(TrainRun(dataset="ucf", out=tmp_path))


def test_a_head_that_cannot_have_an_encoder_says_both_by_name(run):
    plan = make_plan(replace(run, head="vadclip"))
    prompts = (("a " * 60,), *plan.provenance.prompts[1:])
    unfit = replace(plan, provenance=replace(plan.provenance, prompts=prompts))
    with pytest.raises(ValueError, match="^head vadclip cannot have tiny: prompt .* has 82 tokens"):
        build_head(unfit, torch.device("cpu"))
