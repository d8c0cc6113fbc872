from dataclasses import replace

import pytest

from extract.recipe import IMPORTED, RECIPES
from model.checkpoint import Provenance
from pipeline.stages.cautions import PUBLISHED, calibration_kind, cautions_of, feature_kind
from stores.calibration import Calibration
from stores.records import EventRule
from stores.scores.schema import ScoreHeader

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule(0.25))
MADE = Calibration(
    model_fingerprint="m" * 16,
    dataset="ucf",
    split="test",
    videos=290,
    hours=10.5,
    events=140,
    chosen_by="1 false alarms per hour or fewer",
    rule=EventRule(0.7),
    temperature=None,
    recall=0.8,
    false_alarms_per_hour=1.0,
    error_before=0.2,
    error_after=0.2,
    unseen={},
)


def made_of(recipe, protocol="heldout"):
    return Provenance(
        dataset="ucf",
        classes=("normal", "fire"),
        prompts=(("normal",), ("fire",)),
        test_crop=0,
        recipe=recipe if isinstance(recipe, str) else recipe.to_json(),
        recipe_fingerprint="r" * 16,
        clip_weights="openai",
        protocol=protocol,
    )


@pytest.mark.parametrize(
    ("recipe", "protocol", "kind"),
    [
        (RECIPES["vadclip"], "heldout", "known"),
        (RECIPES["centre"], "paper", "known"),
        (RECIPES["demo"], "heldout", "demo"),
        (RECIPES["vadclip"], PUBLISHED, "guess"),
        (IMPORTED, PUBLISHED, "unknown"),
        (IMPORTED, "heldout", "unknown"),
        ('{"of": "another version"}', "heldout", "unknown"),
        ("", "heldout", "unknown"),
    ],
)
def test_how_far_the_recipe_of_a_checkpoint_is_known(recipe, protocol, kind):
    assert feature_kind(made_of(recipe, protocol)) == kind


def test_a_rule_is_a_calibrations_only_as_a_whole():
    assert calibration_kind(None, EventRule()) == "no"
    assert calibration_kind(MADE, MADE.rule) == "test"
    assert calibration_kind(MADE, replace(MADE.rule, minimum_frames=17)) == "no"
    assert calibration_kind(replace(MADE, split="normal"), MADE.rule) == "normal"
    assert calibration_kind(replace(MADE, doubts=("168 an hour",)), MADE.rule) == "doubtful"


@pytest.mark.parametrize(
    ("features", "calibrated", "said"),
    [
        ("known", "test", []),
        ("known", "normal", []),
        ("known", "no", ["not calibrated: no calibration chose the threshold of 0.25,"]),
        ("demo", "test", ["the model was trained with the demo's random CLIP"]),
        ("guess", "normal", ["the recipe of the features is a guess"]),
        ("unknown", "doubtful", ["the features were imported", "the calibration was installed al"]),
        ("demo", "no", ["the model was trained with the demo's", "not calibrated: "]),
    ],
)
def test_what_is_said_is_what_is_not_known(features, calibrated, said):
    found = cautions_of(replace(HEADER, features=features, calibrated=calibrated))
    assert len(found) == len(said)
    assert all(each.startswith(start) for each, start in zip(found, said, strict=True))
