from dataclasses import replace

import pytest
import torch
import yaml

from extract.recipe import IMPORTED, RECIPES
from model.checkpoint import Checkpoint, Provenance
from model.heads import base as heads
from pipeline.stages.model_card import Evaluated, read_evaluation, write_card
from stores.calibration import Calibration
from stores.records import EventRule, StoreError

RECIPE = replace(RECIPES["centre"], weights="ab" * 32)
EVALUATED = Evaluated(
    model_fingerprint="f" * 16,
    dataset="ucf",
    videos=19,
    listed_videos=290,
    frames=12345,
    metrics={"auc": 0.87654, "map": 0.1},
    intervals={"auc": (0.8, 0.9)},
)
CALIBRATION = Calibration(
    model_fingerprint="f" * 16,
    dataset="ucf",
    split="test",
    videos=19,
    hours=1.5,
    events=7,
    chosen_by="1 false alarms per hour or fewer",
    rule=EventRule(threshold=0.61),
    temperature=1.7,
    recall=0.5,
    false_alarms_per_hour=0.9,
    error_before=0.1,
    error_after=0.05,
    unseen={},
)


@pytest.fixture
def checkpoint():
    model, training = heads.load("vadclip").configure("small", width=512, classes=3)
    return Checkpoint(
        head="vadclip",
        model=model,
        training=training,
        provenance=Provenance(
            dataset="cameras",
            classes=("normal", "fire|smoke", "<b>fight</b>\nat_night"),
            prompts=(),
            test_crop=0,
            recipe=RECIPE.to_json(),
            recipe_fingerprint=RECIPE.fingerprint,
            clip_weights="/models/ViT-B-16.pt",
            protocol="paper",
        ),
        metrics={"auc": 0.9, "samples": 3.0, "steps": 4.0, "selection": 0.9},
        state={},
        text=torch.zeros(3, 512),
        fingerprint="f" * 16,
    )


def test_figures_are_those_of_the_evaluation_with_what_they_are_over(checkpoint):
    card = write_card(checkpoint, RECIPE, CALIBRATION, EVALUATED, {})
    assert "On ucf, 19 of 290 test videos, 12,345 frames." in card
    assert "| auc | 0.8765 | 0.8000 to 0.9000 |" in card
    assert "| map | 0.1000 |  |" in card
    assert "The threshold is 0.6100, which finds 50.0 % of its events at 0.90 false al" in card
    assert "at a temperature of 1.700" in card
    assert "the test split, as published: figures on other videos are lower" in card
    assert "ONNX" not in card


def test_what_is_not_there_is_said(checkpoint):
    card = write_card(checkpoint, RECIPE, None, None, {})
    assert "No evaluation of these weights was at hand" in card
    assert "| auc | 0.9000 |" in card
    assert "samples" not in card
    assert "Not calibrated" in card


def test_a_hub_can_read_its_head_and_nothing_in_it_is_markup_or_of_this_machine(checkpoint):
    card = write_card(checkpoint, RECIPE, None, None, {})
    _, front, rest = card.split("---\n", 2)
    assert yaml.safe_load(front)["tags"] == ["video-anomaly-detection", "vadclip"]
    assert "normal, fire\\|smoke, &lt;b&gt;fight&lt;/b&gt; at\\_night" in rest
    assert "somebody" not in card
    assert RECIPE.weights in card


def test_onnx_files_are_described_with_their_gaps(checkpoint):
    card = write_card(checkpoint, RECIPE, None, None, {"scorer.onnx": 4e-7})
    assert f"`score` [batch, {checkpoint.model.window}]" in card
    assert "| 4e-07 |" in card
    assert "encoder.onnx" not in card
    native = replace(RECIPE, resize="squash384-bilinear", channels="bgr")
    card = write_card(checkpoint, native, None, None, {"encoder.onnx": 4e-7})
    assert "`images` uint8 [batch, 3, 384, 384], bgr" in card


def test_published_features_score_no_videos(checkpoint):
    card = write_card(checkpoint, IMPORTED, None, None, {})
    assert "how they were made is not known" in card
    assert "python -m pipeline score" not in card


def test_a_damaged_evaluation_is_named(tmp_path):
    assert read_evaluation(tmp_path) is None
    (tmp_path / "metrics.json").write_text('{"model_fingerprint": 3}')
    with pytest.raises(StoreError, match=r"metrics\.json: .*; evaluate again"):
        read_evaluation(tmp_path)
