from dataclasses import replace

import pytest
import torch

from model.checkpoint import load_checkpoint, save_checkpoint
from pipeline.commands.train import TrainRun
from pipeline.options import EventOptions
from pipeline.stages.scoring_plan import make_scoring_plan, resolve_rule
from pipeline.stages.train import train
from stores.records import EventRule, StoreError


@pytest.fixture(scope="module")
def trained(learnable):
    return train(TrainRun(out=learnable, epochs=1, name="planned")).folder


def test_a_checkpoint_states_all_that_scores_videos(trained):
    plan = make_scoring_plan(trained, "", EventOptions(calibrated=False))
    checkpoint = load_checkpoint(trained)
    assert plan.recipe.fingerprint == checkpoint.provenance.recipe_fingerprint
    assert plan.header.model_fingerprint == checkpoint.fingerprint
    assert plan.header.classes == checkpoint.provenance.classes
    assert (plan.header.features, plan.header.calibrated) == ("demo", "no")
    assert (plan.header.rule, plan.header.score_temperature) == (EventRule(), None)
    assert plan.build_scorer(torch.device("cpu")).window == checkpoint.model.window


def test_options_are_over_the_defaults_one_by_one():
    assert resolve_rule(EventOptions(threshold=0.0)) == EventRule(threshold=0.0)
    assert resolve_rule(EventOptions(longest_gap=60.0)) == EventRule(longest_gap=60.0)
    assert resolve_rule(EventOptions(release=1.0, minimum_frames=8)) == EventRule(
        release=1.0, minimum_frames=8
    )


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (EventOptions(threshold=1.5), "--threshold has to be from 0 to 1, got 1.5"),
        (EventOptions(release=-0.1), "--release has to be from 0 to 1"),
        (EventOptions(minimum_frames=0), "--minimum-frames has to be above 0"),
    ],
)
def test_options_out_of_range_are_refused(trained, events, message):
    with pytest.raises(ValueError, match=message):
        make_scoring_plan(trained, "", events)


def test_features_of_an_unknown_recipe_and_other_weights_are_refused(trained, tmp_path):
    checkpoint = load_checkpoint(trained)
    text = checkpoint.provenance.recipe.replace('"middle"', '"unknown"')
    imported = replace(checkpoint, provenance=replace(checkpoint.provenance, recipe=text))
    save_checkpoint(tmp_path, imported)
    with pytest.raises(StoreError, match="import it with --recipe vadclip"):
        make_scoring_plan(tmp_path, "", EventOptions())
    with pytest.raises(ValueError, match="takes no weights"):
        make_scoring_plan(trained, "other.pt", EventOptions())


def test_a_weight_file_of_another_machine_is_asked_for(trained, tmp_path):
    checkpoint = load_checkpoint(trained)
    made = replace(checkpoint.provenance, clip_weights="/elsewhere/ViT-B-16.pt")
    save_checkpoint(tmp_path, replace(checkpoint, provenance=made))
    said = "made with CLIP weights in /elsewhere/ViT-B-16.pt, which is not here; give --weights"
    with pytest.raises(StoreError, match=said):
        make_scoring_plan(tmp_path, "", EventOptions())
