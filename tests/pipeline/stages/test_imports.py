"""Published forms, made here from a model and features of our own, imported and evaluated."""

import json
import pickle

import numpy as np
import pytest
import torch

from model.checkpoint import load_checkpoint
from model.heads.dsanet.build import build_dsanet, build_text_encoder
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.import_weights import parameter_names
from model.heads.dsanet.text_tower import empty_text_tower
from pipeline.settings import (
    EvaluateRun,
    ImportCheckpointRun,
    ImportFeaturesRun,
    ScoreRun,
    TrainRun,
)
from pipeline.stages.evaluate import evaluate
from pipeline.stages.imports import import_checkpoint, import_features
from pipeline.stages.score import score
from pipeline.stages.train import train
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.records import StoreError
from stores.scores.reader import read_videos

TEST = {"Abuse028_x264": (20, 165, 240), "Arson010_x264": (20, 100, 200), "Normal_Videos_003": (7,)}
TRAIN = ("Abuse001_x264", "Arson001_x264", "Normal_Videos001", "Normal_Videos002")


@pytest.fixture
def lists(tmp_path):
    """The published lists, cut to a few videos."""
    folder = tmp_path / "lists"
    folder.mkdir()
    train = [f"{name[:5]}/{name}.mp4" for name in TRAIN[:2]]
    train += [f"Training_Normal_Videos_Anomaly/{name}.mp4" for name in TRAIN[2:]]
    (folder / "Anomaly_Train.txt").write_text("\n".join(train))
    (folder / "Anomaly_Test.txt").write_text(
        "Abuse/Abuse028_x264.mp4\nArson/Arson010_x264.mp4\n"
        "Testing_Normal_Videos_Anomaly/Normal_Videos_003.mp4\n"
    )
    lines = [
        f"{name}.mp4  {name[:5]}  {truth[1]}  {truth[2]}  -1  -1"
        for name, truth in TEST.items()
        if len(truth) > 1
    ]
    (folder / "Temporal_Anomaly_Annotation.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def tree(tmp_path):
    """A tree of features as people share them: ten files a training video, one a test video."""
    random = np.random.default_rng(0)
    folder = tmp_path / "features"
    for name in TRAIN:
        (folder / name[:5]).mkdir(parents=True, exist_ok=True)
        for crop in range(10):
            rows = random.standard_normal((30, 512)).astype(np.float16)
            np.save(folder / name[:5] / f"{name}__{crop}.npy", rows)
    for name, (segments, *_) in TEST.items():
        np.save(folder / f"{name}__5.npy", random.standard_normal((segments, 512), np.float32))
    return folder


def published_state(name):
    """Return a freshly initialised model's state under published names, its CLIP in it twice."""
    dataset = base.load(name)
    config = PRESETS[dataset.preset][0]
    torch.manual_seed(0)
    tower = empty_text_tower("ViT-B-16-quickgelu")
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    model = build_dsanet(config, build_text_encoder(config, tower, dataset.prompts))
    learned = model.learned_state()
    state = {theirs: learned[ours] for theirs, ours in parameter_names(config).items()}
    clip = {f"clipmodel.{key}": value for key, value in tower.state_dict().items()}
    aliases = {f"clip_adapter.{key}": value for key, value in clip.items()}
    return model, {**state, **clip, **aliases}


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
        torch.testing.assert_close(checkpoint.text, model.text())
    evaluated = evaluate(EvaluateRun(out=out))
    assert evaluated.checkpoint == folder
    assert (evaluated.videos, evaluated.frames) == (3, 16 * 47)
    assert 0 <= evaluated.metrics["auc"] <= 1
    assert {v.video_id for v in read_videos(evaluated.folder)} == set(TEST)
    with pytest.raises(StoreError, match="how those are made of a video is not known"):
        score(ScoreRun(videos=tree, checkpoint=folder, out=tmp_path / "scores"))

    again = import_features(ImportFeaturesRun(tree, "ucf", lists=lists, out=out))
    assert (again.new, again.already) == (0, 7)


@pytest.mark.slow
def test_training_on_imported_features_needs_only_clips_own_weights(tmp_path, lists, tree):
    out = tmp_path / "out"
    import_features(ImportFeaturesRun(tree, "ucf", lists=lists, out=out))
    with pytest.raises(ValueError, match="no such weight file: 'gone.pt'"):
        train(TrainRun(out=out, weights="gone.pt"))


def test_every_listed_video_ends_as_features_or_as_a_named_failure(tmp_path, lists, tree):
    np.save(tree / "Abuse" / "Abuse001_x264__4.npy", np.full((30, 512), np.inf, np.float32))
    (tree / "Arson" / "Arson001_x264__9.npy").unlink()
    (tree / "Arson010_x264__5.npy").write_bytes(b"\x93NUMPY\x01\x00")
    np.save(tree / "Normal_Videos_003__5.npy", np.zeros((7, 500), np.float32))
    np.save(tree / "Stranger__0.npy", np.zeros((7, 512), np.float32))
    run = ImportFeaturesRun(tree, "ucf", lists=lists, out=tmp_path / "out")
    report = import_features(run)
    reasons = {failure.item.video_id: failure.reason for failure in report.failures}
    assert report.new == 3
    assert report.unlisted == ("Stranger",)
    assert "__4.npy: segment 0 is not finite" in reasons["Abuse001_x264"]
    assert "missing [9]" in reasons["Arson001_x264"]
    assert "is no .npy file, damaged" in reasons["Arson010_x264"]
    assert "shape (7, 500), expected floats [S, 512]" in reasons["Normal_Videos_003"]
    catalog = open_catalog(report.folder)
    assert set(catalog.failures) == set(reasons)
    again = import_features(run)
    assert (again.new, len(again.failures)) == (0, 4)


def test_xd_takes_its_split_from_folders_and_its_labels_from_names(tmp_path):
    (tmp_path / "annotations.txt").write_text("v=a__#1_label_B1-0-0 20 60\n")
    random = np.random.default_rng(0)
    for folder, name in (
        ("XDTestClipFeatures", "v=a__#1_label_B1-0-0"),
        ("XDTestClipFeatures", "v=b_label_A"),
        ("XDTrainClipFeatures", "v=c_label_B2-G-0"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        for crop in range(10):
            rows = random.standard_normal((9, 512)).astype(np.float16)
            np.save(tmp_path / folder / f"{name}__{crop}.npy", rows)
    report = import_features(ImportFeaturesRun(tmp_path, "xd", out=tmp_path / "out"))
    videos = open_catalog(report.folder).videos
    assert {v.item.video_id: (v.item.split, v.item.labels) for v in videos.values()} == {
        "v=a__#1_label_B1-0-0": ("test", ("B1",)),
        "v=b_label_A": ("test", ("A",)),
        "v=c_label_B2-G-0": ("train", ("B2", "G")),
    }


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
