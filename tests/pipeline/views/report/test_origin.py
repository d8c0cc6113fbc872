import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.views.report.origin import find_origin, remark_on
from stores.scores.parts import folder_header

FILE = "checkpoint.json"


def origin(folder):
    return {each.title: dict(each.entries) for each in find_origin(folder, folder_header(folder))}


@pytest.mark.slow
def test_settings_model_recipe_and_versions_are_named(scored):
    sections = origin(scored)
    assert sections["Scoring run"]["decoder"] == "auto"
    assert "calibrated" not in sections["Scoring run"]  # that one might be used is no "yes"
    assert sections["Model"]["dataset"] == "synthetic"
    assert sections["Recipe of the features"]["model"] == "tiny"
    assert "torch" in sections["Software that wrote this report"]


@pytest.mark.slow
def test_a_checkpoint_that_is_gone_or_another_one_is_not_described(scored, tmp_path):
    copy = tmp_path / "cameras"
    shutil.copytree(scored, copy, ignore=shutil.ignore_patterns("report"))
    settings = json.loads((copy / "score.json").read_text())
    checkpoint = tmp_path / "train"
    (copy / "score.json").write_text(json.dumps(settings | {"checkpoint": str(checkpoint)}))
    for note in ("the checkpoint is no longer there", "the checkpoint was written anew since"):
        model = origin(copy)["Model"]
        assert model["note"] == note
        assert "dataset" not in model
        checkpoint.mkdir(exist_ok=True)
        shutil.copyfile(Path(settings["checkpoint"], FILE), checkpoint / FILE)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"score.json": "{"}, "left out of the report: damaged {folder}/score.json: expecting"),
        ({"score.json": "[" * 10_000}, "left out of the report: damaged {folder}/score.json"),
        (
            {"score.json": '{"a": ' + "[" * 900 + "]" * 900 + "}"},
            "damaged {folder}/score.json: [...]",
        ),
        ({"score.json": "[1, 2]"}, "damaged {folder}/score.json: expected `object`, got `array`"),
        (
            {
                "score.json": '{{"checkpoint": "{folder}"}}',
                FILE: '{{"provenance": {{"recipe": "5", "recipe_fingerprint": "{recipe}"}}}}',
            },
            "damaged {folder}/checkpoint.json: recipe: expected `object`, got `int`",
        ),
    ],
)
def test_damaged_settings_are_left_out_and_named(tmp_path, header, caplog, files, said):
    (tmp_path / "videos").mkdir()
    for name, text in files.items():
        if "{folder}" in text or "{recipe}" in text:
            text = text.format(folder=tmp_path, recipe=header.recipe_fingerprint)
        (tmp_path / name).write_text(text)
    assert find_origin(tmp_path, header)
    assert said.format(folder=tmp_path) in caplog.text


def test_calibrated_is_said_only_where_a_calibration_was_used(tmp_path, header):
    for kind, said in (("test", "yes, on a labelled"), ("normal", "yes, on footage in which noth")):
        sections = find_origin(tmp_path, replace(header, calibrated=kind))
        assert dict(sections[0].entries)["calibrated"].startswith(said)


def test_without_settings_there_are_the_rule_and_the_fingerprints(tmp_path, header):
    sections = {each.title: dict(each.entries) for each in find_origin(tmp_path, header)}
    assert "Scoring run" not in sections
    assert sections["Events"]["reach a score of"] == "0.5"
    assert sections["Events"]["calibrated"] == "no"
    assert sections["Model"] == {"fingerprint": header.model_fingerprint}


def described(folder, training):
    """A folder of scores whose checkpoint says how it was trained."""
    (folder / "score.json").write_text(json.dumps({"checkpoint": str(folder)}))
    provenance = {"protocol": "nothing was trained", "prompts": [["a street"], ["fire", "smoke"]]}
    (folder / FILE).write_text(json.dumps({"training": training, "provenance": provenance}))
    return folder


def test_scores_of_no_trained_head_are_remarked_on(tmp_path):
    assert remark_on(tmp_path) == ""
    assert remark_on(described(tmp_path, {"epochs": 3})) == ""
    told = remark_on(described(tmp_path, None))
    assert told == "nothing was trained. Texts: a street; fire, smoke"
