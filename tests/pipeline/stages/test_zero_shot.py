from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from torch.nn.functional import normalize

from extract.recipe import RECIPES
from model.checkpoint import load_checkpoint
from pipeline import load_scorer
from pipeline.commands.report import ReportRun
from pipeline.commands.score import ScoreRun
from pipeline.options import EventOptions, ZeroShotOptions
from pipeline.stages.score import score
from pipeline.stages.text_side import load_text_side
from pipeline.stages.zero_shot import (
    DEMO_NOTE,
    baseline_checkpoints,
    note_on,
    note_on_baselines,
    parse_classes,
    provide_checkpoint,
)
from pipeline.views.report.build import write_report
from stores.datasets import base
from stores.records import StoreError
from stores.scores.reader import read_videos

CLASSES = "normal: an empty street; fight: people fighting, a brawl; fire"
ZERO = ZeroShotOptions(classes=CLASSES, recipe="demo")


@pytest.fixture
def run(tmp_path):
    """A run that asks for zero-shot CLIP, with some of its options."""

    def make(**options) -> ScoreRun:
        return ScoreRun(tmp_path, Path("zero-shot"), zero_shot=replace(ZERO, **options))

    return make


def test_classes_have_texts_or_are_their_own():
    assert parse_classes(CLASSES) == {
        "normal": ("an empty street",),
        "fight": ("people fighting", "a brawl"),
        "fire": ("fire",),
    }
    ucf = base.load("ucf")
    assert parse_classes(" ucf ") == dict(zip(ucf.classes, ucf.prompts, strict=True))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "two classes or more, the normal one first, as in --classes"),
        ("fight", r"--classes fight is no data set with classes \(known: .*ucf.*\) and no list of"),
        ("normal: a street", "two classes or more"),
        ("normal; fight; fight: a brawl", "class fight is given twice; give each its texts"),
        ("normal; : a brawl", "': a brawl' names no class"),
    ],
)
def test_classes_that_make_no_sense_are_refused(text, told):
    with pytest.raises(ValueError, match=told):
        parse_classes(text)


def test_it_becomes_a_checkpoint_that_says_what_it_is(run, tmp_path):
    place = provide_checkpoint(run(ensemble=False), tmp_path)
    found = load_checkpoint(place)
    assert found.provenance.classes == ("normal", "fight", "fire")
    assert found.training is None
    assert "nothing was trained" in note_on(found)
    assert DEMO_NOTE in note_on(found)
    side = load_text_side(replace(RECIPES["demo"], weights="seed 0"), "")
    texts = normalize(side.tower.features(["people fighting", "a brawl"]), dim=-1)
    expected = normalize(texts.mean(dim=0), dim=-1)
    np.testing.assert_allclose(found.text[1], expected, atol=1e-6)


def test_the_same_is_found_again_and_another_is_refused(run, tmp_path):
    place = provide_checkpoint(run(), tmp_path)
    before = (place / "checkpoint.safetensors").stat().st_mtime_ns
    assert provide_checkpoint(run(), tmp_path) == place
    assert (place / "checkpoint.safetensors").stat().st_mtime_ns == before
    for other in ({"reach": 0}, {"ensemble": False}, {"classes": "normal; fight"}):
        with pytest.raises(StoreError, match="zero-shot has other class texts or settings; give"):
            provide_checkpoint(run(**other), tmp_path)


def test_what_cannot_be_is_refused(run, tmp_path):
    trained = replace(run(), checkpoint=tmp_path)
    with pytest.raises(ValueError, match="--reach go with --checkpoint zero-shot"):
        provide_checkpoint(trained, tmp_path)
    assert provide_checkpoint(replace(trained, zero_shot=ZeroShotOptions()), tmp_path) == tmp_path
    with pytest.raises(StoreError, match="no such file or folder: .*gone"):
        provide_checkpoint(replace(run(), videos=tmp_path / "gone"), tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="unknown recipe 'none'"):
        provide_checkpoint(run(recipe="none"), tmp_path)
    with pytest.raises(ValueError, match="--reach has to be 0 or more"):
        provide_checkpoint(run(reach=-1), tmp_path)


def test_baselines_have_one_text_a_class_or_all_in_sentences(run, tmp_path, monkeypatch):
    provenance = load_checkpoint(provide_checkpoint(run(), tmp_path)).provenance
    single, ensemble = baseline_checkpoints(provenance, 64).values()
    assert single.provenance.prompts[1] == ("people fighting",)
    assert ensemble.provenance.prompts[1] == ("people fighting", "a brawl")
    assert note_on_baselines(provenance) == DEMO_NOTE
    recipe = replace(RECIPES["squash"], weights="0" * 64).to_json()
    other = replace(provenance, recipe=recipe, clip_weights="no-such-file.pt")
    with pytest.raises(ValueError, match="no such weight file: 'no-such-file.pt'"):
        baseline_checkpoints(other, 512)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="'openai' of ViT-B-16-quickgelu are not on this machine"):
        baseline_checkpoints(replace(other, clip_weights="openai"), 512)
    with pytest.raises(ValueError, match="features are 512 wide, and texts of tiny 64"):
        baseline_checkpoints(provenance, 512)


@pytest.mark.ray
@pytest.mark.slow
def test_videos_are_scored_without_a_training(run, footage, tmp_path):
    video = min((footage / "test").iterdir())
    asked = replace(run(), videos=video, out=tmp_path, events=EventOptions(threshold=0.4))
    report = score(asked)
    assert (report.new, report.failures) == (1, ())
    assert "nothing was trained" in report.cautions[0]
    (row,) = read_videos(tmp_path)
    again = load_scorer(tmp_path / "zero-shot", device="cpu").score_video(video)
    assert row.peak == pytest.approx(float(again.scores.score.max()), abs=1e-4)
    page = write_report(ReportRun(scores=tmp_path)).page
    first = page.read_text().partition('class="cautions"')[2].partition("</p>")[0]
    assert "zero-shot CLIP: nothing was trained" in first
    assert "people fighting, a brawl" in first
