import shutil
from collections import Counter

import pytest

from stores.datasets import base
from stores.datasets.xd import labels_of
from stores.records import StoreError

XD = base.load("xd")


@pytest.mark.data
@pytest.mark.parametrize("with_lists", [True, False])
def test_all_4754_videos_get_split_labels_and_truth(tmp_path, shared_data, with_lists):
    shutil.copy(shared_data / "xd" / "annotations.txt", tmp_path)
    for file, folder in (("train_videos.txt", "1-1004"), ("test_videos.txt", "videos")):
        if with_lists:
            shutil.copy(shared_data / "xd" / file, tmp_path)
        (tmp_path / folder).mkdir()
        for name in (shared_data / "xd" / file).read_text().splitlines():
            (tmp_path / folder / f"{name}.mp4").touch()
    items = XD.discover(tmp_path)
    assert Counter(i.split for i in items) == {"train": 3954, "test": 800}
    assert all(i.path for i in items)
    test = [i for i in items if i.split == "test"]
    # 500 test videos are anomalous, all of them annotated.
    assert sum(bool(i.events) for i in test) == 500
    assert all((i.labels == ("A",)) == (not i.events) for i in test if i.events)


def test_labels_are_in_the_name():
    assert labels_of("Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6") == ("G", "B2", "B6")
    assert labels_of("v=abc__#1_label_B1-0-0") == ("B1",)
    assert labels_of("v=abc__#1_label_A") == ("A",)
    with pytest.raises(StoreError, match="no label of XD-Violence"):
        labels_of("v=abc__#1_label_B3-0-0")


def test_a_root_without_videos_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"annotations\.txt is not in"):
        XD.discover(tmp_path)
    (tmp_path / "annotations.txt").write_text("v=abc__#1_label_B1-0-0.mp4 0 x\n")
    with pytest.raises(StoreError, match="are no pairs of frames"):
        XD.discover(tmp_path)
    (tmp_path / "annotations.txt").write_text("")
    with pytest.raises(StoreError, match="no video named"):
        XD.discover(tmp_path)
