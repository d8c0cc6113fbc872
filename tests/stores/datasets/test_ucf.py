import json
import shutil
from collections import Counter

import pytest

from stores.datasets import base
from stores.records import Event, StoreError

UCF = base.load("ucf")
LISTS = ("Anomaly_Train.txt", "Anomaly_Test.txt", "Temporal_Anomaly_Annotation.txt")


@pytest.fixture
def root(tmp_path, shared_data):
    """Every listed name as an empty file, spread as the parts unpack, the lists in the root."""
    for name in LISTS:
        shutil.copy(shared_data / "ucf" / name, tmp_path / name)
    for name in LISTS[:2]:
        for line in (tmp_path / name).read_text().split():
            path = tmp_path / "Anomaly-Videos-Part-1" / line
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path


@pytest.mark.data
def test_all_1900_videos_get_split_label_and_truth(root, shared_data):
    items = UCF.discover(root)
    assert Counter(i.split for i in items) == {"train": 1610, "test": 290}
    assert all(i.path for i in items)
    assert Counter(i.labels[0] for i in items if i.split == "train")["Normal"] == 800
    assert all(i.events is None for i in items if i.split == "train")
    expected = {
        entry["video"]: [] if entry["label"] == "A" else entry["segments"]
        for entry in json.loads((shared_data / "ucf" / "segments_test.json").read_text())
    }
    for item in items:
        if item.split == "test" and item.labels != ("Normal",):
            assert [[e.start, e.end] for e in item.events] == expected[item.video_id]
    by_id = {item.video_id: item for item in items}
    assert by_id["Abuse028_x264"].events == (Event(165, 240, "Abuse"),)
    assert by_id["Normal_Videos_003_x264"].events == ()


@pytest.mark.data
def test_a_listed_video_that_is_absent_has_no_path(root):
    (root / "Anomaly-Videos-Part-1" / "Abuse" / "Abuse028_x264.mp4").unlink()
    items = {item.video_id: item for item in UCF.discover(root)}
    assert items["Abuse028_x264"].path == ""
    assert len(items) == 1900


def test_a_missing_list_and_a_bad_line_are_named(tmp_path):
    with pytest.raises(StoreError, match=r"Temporal_Anomaly_Annotation\.txt is not in"):
        UCF.discover(tmp_path)
    (tmp_path / LISTS[2]).write_text("Abuse028_x264 Abuse 165 x -1 -1\n")
    with pytest.raises(StoreError, match=r"line 1: .*is not name, class, frames"):
        UCF.discover(tmp_path)
    (tmp_path / LISTS[2]).write_text("Abuse028_x264 Abuse 165 240 -1 -1\n")
    (tmp_path / LISTS[0]).write_text("\nNovel/Novel001_x264.mp4\n")
    with pytest.raises(StoreError, match=r"line 2: .*names no class of UCF-Crime"):
        UCF.discover(tmp_path)
