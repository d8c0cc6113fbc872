"""Published weights, made here from a model of our own, imported and evaluated."""

import json
import pickle

import numpy as np
import pytest
import torch

from model.checkpoint import load_checkpoint
from model.heads.base import load
from model.heads.dsanet import import_weights as dsanet_names
from model.heads.text_tower import empty_text_tower
from model.heads.vadclip import import_weights as vadclip_names
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.import_checkpoint import ImportCheckpointRun
from pipeline.commands.import_features import ImportFeaturesRun
from pipeline.commands.score import ScoreRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.import_checkpoint import import_checkpoint
from pipeline.stages.import_features import import_features
from pipeline.stages.score import score
from stores.datasets import base
from stores.records import StoreError
from stores.scores.reader import read_videos

TEST = {"Abuse028_x264", "Arson010_x264", "Normal_Videos_003"}


def published_state(name, head="dsanet"):
    """Return a freshly initialised model, and its state under published names with CLIP's."""
    dataset, kind = base.load(name), load(head)
    config, _ = kind.configure(dataset.preset)
    torch.manual_seed(0)
    tower = empty_text_tower("ViT-B-16-quickgelu")
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    model = kind.build(config, tower, dataset.prompts)
    learned = model.learned_state()
    names = {"dsanet": dsanet_names, "vadclip": vadclip_names}[head].parameter_names(config)
    state = {theirs: learned[ours] for theirs, ours in names.items()}
    clip = {f"clipmodel.{key}": value for key, value in tower.state_dict().items()}
    if head == "dsanet":  # which holds its CLIP twice
        clip |= {f"clip_adapter.{key}": value for key, value in clip.items()}
    return model, state | clip


@pytest.mark.slow
def test_published_weights_and_features_are_evaluated_without_a_video(tmp_path, lists, tree):
    model, state = published_state("ucf")
    # What an authors' training checkpoint holds beside the weights.
    saved = {"epoch": 3, "ap": np.float64(0.8), "model_state_dict": state}
    torch.save(saved, tmp_path / "ucf.pth")
    out = tmp_path / "out"
    report = import_features(ImportFeaturesRun(tree, "ucf", lists=lists, out=out))
    assert (report.new, report.already, report.failures, report.unlisted) == (7, 0, (), ())
    folder = import_checkpoint(ImportCheckpointRun(tmp_path / "ucf.pth", "ucf", out=out))
    checkpoint = load_checkpoint(folder)
    for name, tensor in model.learned_state().items():
        assert torch.equal(checkpoint.state[name], tensor), name
    with torch.inference_mode():
        torch.testing.assert_close(checkpoint.text, model.class_texts())
    evaluated = evaluate(EvaluateRun(out=out))
    assert evaluated.checkpoint == folder
    assert (evaluated.videos, evaluated.frames) == (3, 16 * 47)
    assert 0 <= evaluated.metrics["auc"] <= 1
    assert {v.video_id for v in read_videos(evaluated.folder)} == TEST
    with pytest.raises(StoreError, match="how those are made of a video is not known"):
        score(ScoreRun(videos=tree, checkpoint=folder, out=tmp_path / "scores"))

    again = import_features(ImportFeaturesRun(tree, "ucf", lists=lists, out=out))
    assert (again.new, again.already) == (0, 7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ucf", "xd"])
def test_a_published_vadclip_is_known_by_its_names_and_lies_beside_a_dsanet(tmp_path, name):
    model, state = published_state(name, "vadclip")
    assert len(state) == {"ucf": 349, "xd": 337}[name] - 153 - 1  # CLIP's vision half, a width
    torch.save(state, tmp_path / "model.pth")
    run = ImportCheckpointRun(tmp_path / "model.pth", name, out=tmp_path, name="vadclip")
    folder = import_checkpoint(run)
    assert folder == tmp_path / name / "vadclip"
    checkpoint = load_checkpoint(folder)
    assert checkpoint.head == "vadclip"
    for key, tensor in model.learned_state().items():
        assert torch.equal(checkpoint.state[key], tensor), key
    with torch.inference_mode():
        torch.testing.assert_close(checkpoint.text, model.class_texts())


class _Bomb:
    def __reduce__(self):
        return (print, ("boom",))


def test_what_is_no_state_dict_is_refused_and_no_code_is_run(tmp_path, capsys):
    path = tmp_path / "x.pth"

    def refused(message):
        with pytest.raises(ValueError, match=message):
            import_checkpoint(ImportCheckpointRun(path, "ucf", out=tmp_path))

    refused("cannot be read as a file of weights alone")
    path.write_bytes(pickle.dumps(_Bomb()))
    refused("cannot be read as a file of weights alone")
    torch.save({"a": _Bomb()}, path)
    refused("cannot be read as a file of weights alone")
    torch.save({"epoch": 3}, path)
    refused("epoch are no tensors")
    torch.save([torch.zeros(1)], path)
    refused("holds a list, expected a state dict")
    assert "boom" not in capsys.readouterr().out
    assert not (tmp_path / "ucf").exists()


@pytest.mark.slow
def test_the_checkpoint_of_another_data_set_is_refused_by_parameter(tmp_path):
    _, state = published_state("xd")
    torch.save(state, tmp_path / "xd.pth")
    with pytest.raises(ValueError, match=r"missing temporal\.resblocks\.1\."):
        import_checkpoint(ImportCheckpointRun(tmp_path / "xd.pth", "ucf", out=tmp_path))
    folder = import_checkpoint(ImportCheckpointRun(tmp_path / "xd.pth", "xd", out=tmp_path))
    content = json.loads((folder / "checkpoint.json").read_text())
    assert content["provenance"]["protocol"] == "published"
