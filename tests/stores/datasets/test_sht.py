import json
import shutil
from collections import Counter

import numpy as np
import pytest

from model.evaluation.metrics import frame_truth
from stores.datasets import base
from stores.records import Event, StoreError

SHT = base.load("sht")
LISTS = "SH_Train.txt", "SH_Test.txt"


@pytest.fixture(scope="module")
def facts(shared_data):
    return json.loads((shared_data / "sht" / "frames_and_events.json").read_text())


@pytest.fixture
def root(tmp_path, shared_data):
    """Every listed name where the data set keeps it, films as files and the rest as folders."""
    for file in LISTS:
        shutil.copy(shared_data / "sht" / file, tmp_path)
        for name in (tmp_path / file).read_text().split():
            if len(name) == 7:
                folder = tmp_path / "testing" / "frames" / name
                folder.mkdir(parents=True)
                for number in range(16):
                    (folder / f"{number:03d}.jpg").write_bytes(b"p")
            else:
                path = tmp_path / "training" / "videos" / f"{name}.avi"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"v")
    masks = tmp_path / "testing" / "test_frame_mask"
    shutil.copytree(shared_data / "sht" / "test_frame_mask", masks)
    return tmp_path


@pytest.mark.data
def test_all_437_videos_get_split_and_label(root):
    items = SHT.discover(root)
    assert all(item.path for item in items)
    assert len({item.video_id for item in items}) == 437
    assert Counter((item.split, item.labels[0]) for item in items) == {
        ("train", "Normal"): 175,
        ("train", "Abnormal"): 63,
        ("test", "Normal"): 155,
        ("test", "Abnormal"): 44,
    }


@pytest.mark.data
def test_the_truth_of_every_test_video_is_all_runs_of_its_mask(root, facts):
    items = SHT.discover(root)
    for item in items:
        events = facts[item.video_id]["events"] if item.split == "test" else []
        assert [[e.start, e.end] for e in item.events or ()] == events
    anomalous = sum(event.end - event.start for item in items for event in item.events or ())
    assert anomalous == 7_962
    assert max(len(item.events or ()) for item in items) > 2


@pytest.mark.data
@pytest.mark.parametrize("lengths", ["n_frames_mist", "n_frames_joint"])
def test_the_lengths_are_the_published_ones(root, shared_data, facts, lengths):
    shutil.copy(shared_data / "sht" / "SH_Test_NEW.txt", root)
    test = [item for item in SHT.discover(root) if item.split == "test"]
    frames = [facts[i.video_id].get("n_frames") or facts[i.video_id][lengths] for i in test]
    assert sum(frames) == {"n_frames_mist": 141_870, "n_frames_joint": 142_060}[lengths]
    said = SHT.lengths(root, None)
    for item, own in zip(test, frames, strict=True):
        (known,) = said[item.video_id].values()  # of a mask, or of the list
        assert abs(known[0] - own) <= 2
    if lengths == "n_frames_mist":
        assert sum(next(iter(said[i.video_id].values()))[0] for i in test) == 141_870


@pytest.mark.data
def test_the_abnormal_part_is_that_of_the_published_truth(root, shared_data, facts):
    """There each video is padded to whole segments with its last frame's label."""
    published = json.loads((shared_data / "sht" / "concatenated_truth.json").read_text())
    items = {item.video_id: item for item in SHT.discover(root)}
    truths = []
    for name in published["order"][:44]:
        truth = frame_truth(items[name].events, facts[name]["n_frames"])
        truths.append(np.pad(truth, (0, -len(truth) % 16), mode="edge"))
    own = np.concatenate(truths)
    assert int(own.sum()) == 8_028
    for file in ("gt-sh.npy", "gt-sh2.npy"):
        theirs = np.zeros(published[file]["length"], np.bool_)
        for start, end in published[file]["intervals"]:
            theirs[start:end] = True
        assert np.array_equal(own, theirs[: len(own)])
        assert not theirs[len(own) :].any()


def small(folder, mask=(0, 1, 1, 0, 1)):
    (folder / LISTS[0]).write_text("01_001\n01_0014\n")
    (folder / LISTS[1]).write_text("01_002\n01_0015\n")
    masks = folder / "testing" / "test_frame_mask"
    masks.mkdir(parents=True)
    for name in ("01_0014", "01_0015"):
        np.save(masks / f"{name}.npy", np.array(mask, np.uint8))
    return masks


def test_runs_are_half_open_and_training_videos_have_no_truth(tmp_path):
    small(tmp_path)
    by_id = {item.video_id: item for item in SHT.itemise(tmp_path, None, {})}
    assert by_id["01_0015"].events == (Event(1, 3, "Abnormal"), Event(4, 5, "Abnormal"))
    assert by_id["01_002"].events == ()
    assert by_id["01_0014"].events is None
    assert by_id["01_0014"].labels == ("Abnormal",)


def test_a_mask_that_is_missing_or_wrong_is_named_and_makes_no_normal_video(tmp_path):
    masks = small(tmp_path)
    np.save(masks / "01_0015.npy", np.array([0, 2]))
    with pytest.raises(StoreError, match=r"01_0015\.npy holds int64 of shape \(2,\), expected 0"):
        SHT.itemise(tmp_path, None, {})
    (masks / "01_0014.npy").unlink()
    with pytest.raises(StoreError, match=r"1 abnormal videos have no test_frame_mask.*01_0014"):
        SHT.itemise(tmp_path, None, {})


def test_names_of_another_form_are_refused_by_line(tmp_path):
    small(tmp_path)
    (tmp_path / LISTS[0]).write_text("01_001\nNormal_1\n")
    with pytest.raises(StoreError, match=r"SH_Train\.txt line 2: 'Normal_1' is no name such as"):
        SHT.itemise(tmp_path, None, {})
    small_list = tmp_path / "SH_Test_NEW.txt"
    small_list.write_text("01_002,0,764\n01_0015,1,-1\n")
    (tmp_path / "SHANGHAI_test.txt").write_text("SHANGHAI_Test/frames/01_002 765 0 0 765\n")
    assert SHT.lengths(tmp_path, None)["01_002"] == {
        "SH_Test_NEW.txt": range(764, 765),
        "SHANGHAI_test.txt": range(765, 766),
    }
    small_list.write_text("01_002;764\n")
    with pytest.raises(StoreError, match=r"SH_Test_NEW\.txt line 1: .*states no frames of a video"):
        SHT.lengths(tmp_path, None)
