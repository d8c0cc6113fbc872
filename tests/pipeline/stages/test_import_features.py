import json

import h5py
import numpy as np
import pytest

from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.import_features import ImportFeaturesRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.import_features import import_features
from pipeline.stages.train import train
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.shards import read_segments


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
    assert "__4.npy: row 0 is not finite" in reasons["Abuse001_x264"]
    assert "missing [9]" in reasons["Arson001_x264"]
    assert "is no .npy file, damaged" in reasons["Arson010_x264"]
    assert "shape (7, 500), expected floats [T, 512]" in reasons["Normal_Videos_003"]
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


WIDTH = 16


def rtfm(put, name, frames):
    put(f"{name}_i3d", (-(-frames // 16), 10, WIDTH))


def pel4vad_sht(put, name, frames):
    for crop in range(10):
        put(f"{'train' if len(name) == 7 else 'test'}/{name}_{crop}", ((frames - 2) // 16, WIDTH))


def roc_ng(put, name, frames):
    for crop in range(5):
        put(f"{name}__{crop}", (frames // 16, WIDTH))


def pel4vad_ucf(put, name, frames):
    for crop in range(10):
        put(f"{name}__{crop}" if crop else name, (frames // 16, WIDTH))


def clip_tsa(put, name, frames):
    put(f"folder/{name}", (frames // 16, WIDTH))


def anomaly_clip(put, name, frames):
    put(f"test/{name}", (10 * frames, WIDTH))


def lagovad(put, name, frames):
    put(name, (-(-frames // 8), WIDTH))


def fed_wsvad(put, name, frames):
    put(f"{name}/feature", (frames // 16, 3, WIDTH))


def wsal(put, name, frames):
    put(f"features.h5:{name}.npy", (frames // 16, WIDTH))


def teased(put, name, frames):
    put(f"{name}_videomae", (max(frames // 16 - 2, 1), 1, WIDTH))


FORMS = {  # how many crops come of each, and what has to be said
    rtfm: (10, {"crops_axis": "second"}),
    pel4vad_sht: (10, {}),
    roc_ng: (5, {}),
    pel4vad_ucf: (10, {}),
    clip_tsa: (1, {}),
    anomaly_clip: (10, {"row_frames": 1, "crops_in_rows": 10}),
    lagovad: (1, {"row_frames": 8}),
    fed_wsvad: (3, {"crops_axis": "second"}),
    wsal: (1, {}),
    teased: (1, {"crops_axis": "second"}),
}


@pytest.mark.data
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_of_archive_gives_all_videos_of_shanghaitech(tmp_path, shared_data, form):
    """Real names and lengths of all 437 videos; only their rows are narrow."""
    facts = json.loads((shared_data / "sht" / "frames_and_events.json").read_text())
    archive = tmp_path / "archive"
    archive.mkdir()
    random, held = np.random.default_rng(0), {}

    def put(name, shape):
        rows = random.standard_normal(shape).astype(np.float16)
        if name.startswith("features.h5:"):
            held[name.partition(":")[2]] = rows
            return
        path = archive / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)

    frames = {n: f.get("n_frames") or f["n_frames_mist"] for n, f in facts.items()}
    for name, count in frames.items():
        form(put, name, count)
    if held:
        with h5py.File(archive / "features.h5", "w") as file:
            for name, rows in held.items():
                file[name] = rows
    crops, options = FORMS[form]
    run = ImportFeaturesRun(
        archive, "sht", lists=shared_data / "sht", out=tmp_path / "out", width=WIDTH, **options
    )
    report = import_features(run)
    assert (report.new, report.failures, report.unlisted) == (437, (), ())
    videos = open_catalog(report.folder).videos
    assert {video.crops for video in videos.values()} == {crops}
    short = {name for name, video in videos.items() if video.segments != frames[name] // 16}
    # A decoder's last frame makes a segment more or fewer by the lists of others.
    assert abs(report.off - len(short)) <= 12
    if form in (rtfm, pel4vad_sht, lagovad, teased):
        assert len(short) > 50
    else:
        assert not short
    if form is not teased:
        exact = sum(video.frames == frames[name] for name, video in videos.items())
        assert exact > (300 if form is pel4vad_sht else 430)
    anomalous = sum(
        max(0, min(event.end, video.frames) - event.start)
        for video in videos.values()
        for event in video.item.events or ()
    )
    assert (anomalous == 7_962) == (form not in (pel4vad_sht, teased))


@pytest.mark.data
def test_values_come_where_they_belong(tmp_path, shared_data):
    archive = tmp_path / "archive"
    (archive / "01_0015").mkdir(parents=True)
    rows = np.random.default_rng(0).standard_normal((27, 3, 1408)).astype(np.float32)
    np.save(archive / "01_0015" / "feature.npy", rows)
    lists = shared_data / "sht"
    run = ImportFeaturesRun(archive, "sht", lists=lists, out=tmp_path / "out", width=1408)
    report = import_features(run)
    assert (report.new, len(report.failures)) == (1, 436)
    video = open_catalog(report.folder).videos["01_0015"]
    assert (video.frames, video.segments) == (433, 27)
    assert np.array_equal(read_segments(video), rows.swapaxes(0, 1).astype(np.float16))


def test_features_of_no_clip_are_refused_by_name_until_their_width_is_said(tmp_path, lists, tree):
    np.save(tree / "Normal_Videos_003__5.npy", np.zeros((7, 10, 2048), np.float32))
    report = import_features(ImportFeaturesRun(tree, "ucf", lists=lists, out=tmp_path / "out"))
    (failure,) = report.failures
    assert "(as features of I3D-ResNet50 are), expected floats [T, 512]" in failure.reason
    with pytest.raises(ValueError, match="unknown CLIP model 'ViT-X'"):
        import_features(ImportFeaturesRun(tree, "ucf", lists=lists, clip="ViT-X"))


def test_a_pickle_is_a_named_failure(tmp_path, lists, tree):
    path = tree / "Normal_Videos_003__5.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    report = import_features(ImportFeaturesRun(tree, "ucf", lists=lists, out=tmp_path / "out"))
    assert [f.item.video_id for f in report.failures] == ["Normal_Videos_003"]
    assert "holds other things" in report.failures[0].reason


@pytest.mark.slow
def test_a_head_with_a_text_adapter_learns_from_features_of_any_width(tmp_path):
    """Made-up MSAD features of width 24, with texts by the tiny CLIP of width 64."""
    names = [f"Fire_{n}" for n in range(1, 9)] + [f"MSAD_normal_street{n}" for n in range(1, 9)]
    train_names, test_names = names[:6] + names[8:14], names[6:8] + names[14:]
    (tmp_path / "msad-i3d.list").write_text("\n".join(f"{n}_i3d.npy" for n in train_names))
    (tmp_path / "msad-i3d-test.list").write_text("\n".join(f"{n}_i3d.npy" for n in test_names))
    (tmp_path / "anomaly_annotation.csv").write_text(
        "\n".join(f"{name},street,320,33,96" for name in names[6:8])
    )
    random = np.random.default_rng(0)
    for name in names:
        rows = random.standard_normal((20, 5, 24)).astype(np.float32)
        np.save(tmp_path / f"{name}_i3d.npy", rows)
    out = tmp_path / "out"
    run = ImportFeaturesRun(tmp_path, "msad", out=out, clip="tiny", width=24, crops_axis="second")
    assert import_features(run).failures == ()
    report = train(TrainRun("msad", out=out, epochs=1, batch=2, preset="small"))
    assert 0 <= report.metrics["auc"] <= 1
    assert evaluate(EvaluateRun(out=out)).videos == 4
    with pytest.raises(ValueError, match="expected the video's 24: without a text adapter"):
        train(TrainRun("msad", out=out, preset="small", without="text_adapter"))
    assert base.load("msad").classes[0] == "Normal"
