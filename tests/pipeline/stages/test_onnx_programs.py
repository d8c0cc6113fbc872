"""ONNX programs against torch, run by onnxruntime."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import open_clip
import pytest
import torch

from extract.clip_weights import complete_recipe, load_clip
from extract.encoder import ClipEncoder
from extract.recipe import RECIPES, RecipeOptions
from extract.tiny_clip import tiny_clip
from model.checkpoint import Checkpoint, Provenance, build_scorer
from model.heads import base as heads
from model.heads.text_tower import text_tower
from pipeline.stages.onnx_programs import (
    ENCODER,
    SCORER,
    check_installed,
    open_program,
    write_encoder,
    write_scorer,
)

CPU = torch.device("cpu")
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="onnx, onnxscript and onnxruntime come with the extra `onnx`",
)


def make_checkpoint(head):
    kind, (recipe, _) = heads.load(head), complete_recipe(RECIPES["demo"], RecipeOptions())
    config, training = kind.configure("small", width=64, classes=3)
    torch.manual_seed(0)
    prompts = (("normal",), ("fighting",), ("fire",))
    built = kind.build(config, text_tower(load_clip("tiny", ""), "tiny"), prompts)
    return Checkpoint(
        head=head,
        model=config,
        training=training,
        provenance=Provenance(
            dataset="made-up",
            classes=("normal", "fighting", "fire"),
            prompts=prompts,
            test_crop=0,
            recipe=recipe.to_json(),
            recipe_fingerprint=recipe.fingerprint,
            clip_weights="",
            protocol="heldout",
        ),
        metrics={},
        state=built.learned_state(),
        text=built.class_texts().detach(),
    )


def gaps(program, inputs, module):
    """Return the largest gaps between the outputs of a program and of the module it was made of."""
    found = program.run(None, {name: value.numpy() for name, value in inputs.items()})
    with torch.inference_mode():
        expected = module(*inputs.values())
    expected = (expected,) if isinstance(expected, torch.Tensor) else expected
    return [
        np.abs(ours - theirs.numpy()).max() for ours, theirs in zip(found, expected, strict=True)
    ]


@needs_onnx
@pytest.mark.parametrize("head", heads.names())
def test_fifty_windows_score_as_in_torch(head, tmp_path):
    checkpoint = make_checkpoint(head)
    scorer = build_scorer(checkpoint, CPU, score_temperature=1.7, frozen=False)
    path = tmp_path / SCORER
    assert write_scorer(path, scorer, checkpoint) < 1e-5
    generator = torch.Generator().manual_seed(3)
    features = 3 * torch.randn(50, scorer.window, 64, generator=generator)
    lengths = torch.randint(1, scorer.window + 1, (50,), generator=generator)
    features[torch.arange(scorer.window) >= lengths.unsqueeze(1)] = 0
    program = open_program(path)
    for count in (50, 7, 1):
        inputs = {"features": features[:count], "lengths": lengths[:count]}
        assert max(gaps(program, inputs, scorer)) < 1e-5
    facts = program.get_modelmeta().custom_metadata_map
    assert facts["classes"] == '["normal", "fighting", "fire"]'
    assert '"model": "tiny"' in facts["recipe"]


@needs_onnx
def test_images_have_the_features_that_they_have_in_torch(tmp_path):
    encoder = ClipEncoder(tiny_clip(), device=CPU, precision="fp32")
    path = tmp_path / ENCODER
    assert write_encoder(path, encoder, RECIPES["demo"]) < 1e-5
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (5, 3, 224, 224), dtype=torch.uint8, generator=generator)
    program = open_program(path)
    for count in (5, 1):
        assert max(gaps(program, {"images": images[:count]}, encoder.encode)) < 1e-4


@needs_onnx
@pytest.mark.long
@pytest.mark.parametrize("resize", ["short256", "squash256-bicubic"])
def test_an_encoder_of_another_side_takes_the_recipes_crops(tmp_path, resize):
    torch.manual_seed(0)
    clip = open_clip.create_model("ViT-S-32-alt", force_image_size=256).eval()
    encoder = ClipEncoder(clip, device=CPU, precision="fp32")
    path = tmp_path / ENCODER
    assert write_encoder(path, encoder, replace(RECIPES["centre"], resize=resize)) < 1e-4
    side = 224 if resize == "short256" else 256
    assert open_program(path).get_inputs()[0].shape[1:] == [3, side, side]


@needs_onnx
@pytest.mark.long
def test_a_program_that_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    checkpoint = make_checkpoint("vadclip")
    scorer = build_scorer(checkpoint, CPU, frozen=False)
    forward = scorer.forward

    def drifting(features, lengths):
        return forward(features * (1 if torch.compiler.is_compiling() else 1.1), lengths)

    monkeypatch.setattr(scorer, "forward", drifting)
    with pytest.raises(
        ValueError, match=r"scorer\.onnx: onnxruntime computes other values than to"
    ):
        write_scorer(tmp_path / SCORER, scorer, checkpoint)


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("pipeline.stages.onnx_programs._NEEDED", ("torch", "no_such_runtime"))
    with pytest.raises(ValueError, match=r"needs no_such_runtime: pip install '\.\[onnx\]'"):
        check_installed()
