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


HOSTILE_LISTS = {
    "../../../etc/Abuse/passwd.mp4\n": ["passwd"],
    "/etc/Abuse/Abuse001_x264.mp4\r\n\r\n": ["Abuse001_x264"],
    "\ufeffAbuse/Abuse001_x264.mp4": ["Abuse001_x264"],
    "Abuse/..\nAbuse/.\n": ["..", "."],
    "Abuse/a\u2028b #1 & 100%.mp4": ["a\u2028b #1 & 100%"],
    f"Abuse/{'x' * 5000}.mp4": ["x" * 5000],
    "Abuse/a\0b.mp4": "line 1: .* holds a NUL; save it as UTF-8",
    "Abuse/": "line 1: 'Abuse/' names no class",
    "Abuse/a.mp4\nAbuse/a.mp4": "'a' is listed twice",
    b"Abuse/caf\xe9.mp4": "cannot be read as text: .*save it as UTF-8",
    "Abuse/a.mp4".encode("utf-16"): "cannot be read as text",
    "Abuse/a.mp4".encode("utf-16-le"): "holds a NUL",
}


@pytest.mark.parametrize("text", HOSTILE_LISTS)
def test_a_list_names_files_below_the_root_alone_or_is_refused_by_line(tmp_path, text):
    (tmp_path / LISTS[0]).write_bytes(text if isinstance(text, bytes) else text.encode())
    for name in LISTS[1:]:
        (tmp_path / name).touch()
    expected = HOSTILE_LISTS[text]
    if isinstance(expected, list):
        found = UCF.itemise(tmp_path, None, {"Abuse001_x264": tmp_path / "Abuse001_x264.mp4"})
        assert [item.video_id for item in found] == expected
        assert {item.path for item in found} <= {"", str(tmp_path / "Abuse001_x264.mp4")}
    else:
        with pytest.raises(StoreError, match=expected):
            UCF.itemise(tmp_path, None, {})


@pytest.mark.parametrize("words", ["165", "240 165", "5 5 -1 -1", "-3 9", "0 99999999999", "1 x"])
def test_frames_that_are_no_stretch_are_refused(tmp_path, words):
    (tmp_path / LISTS[2]).write_text(f"\nAbuse028_x264 Abuse {words}\n")
    with pytest.raises(StoreError, match=r"Annotation\.txt line 2: .*(no stretch|no pairs)"):
        UCF.itemise(tmp_path, None, {})


def test_a_missing_list_and_a_bad_line_are_named(tmp_path):
    with pytest.raises(StoreError, match=r"Temporal_Anomaly_Annotation\.txt is not in"):
        UCF.discover(tmp_path)
    (tmp_path / LISTS[2]).write_text("Abuse028_x264 165 240 -1 -1\n")
    with pytest.raises(StoreError, match=r"line 1: .*is not name, class, frames"):
        UCF.discover(tmp_path)
    (tmp_path / LISTS[2]).write_text("Abuse028_x264 Abuse 165 240 -1 -1\n")
    (tmp_path / LISTS[0]).write_text("\nNovel/Novel001_x264.mp4\n")
    with pytest.raises(StoreError, match=r"line 2: .*names no class of UCF-Crime"):
        UCF.discover(tmp_path)
