import numpy as np
import pytest

from pipeline.commands.import_features import ImportFeaturesRun
from pipeline.commands.train import TrainRun
from pipeline.stages.import_features import import_features
from pipeline.stages.train import train
from stores.features.catalog import open_catalog


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
