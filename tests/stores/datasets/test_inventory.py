"""What is found below a root, by names and sizes alone."""

import pytest

from stores.datasets import base
from stores.datasets.inventory import restricted, take_inventory
from stores.records import StoreError

UCF = base.load("ucf")


@pytest.fixture
def root(tmp_path):
    """Four listed videos: one is there, one empty, one ambiguous, one missing."""
    lists = {
        "Anomaly_Train.txt": "Abuse/Abuse001_x264.mp4\nRobbery/Robbery001_x264.mp4\n",
        "Anomaly_Test.txt": "Abuse/Abuse002_x264.mp4\nAbuse/Abuse003_x264.mp4\n",
        "Temporal_Anomaly_Annotation.txt": "Abuse002_x264 Abuse 3 9 -1 -1\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    files = {
        "a/Abuse001_x264.mp4": "video",
        "b/Abuse001_x264.mp4": "video",
        "a/Abuse002_x264.mp4": "one",
        "b/Abuse002_x264.mp4": "another",
        "a/Abuse003_x264.mp4": "",
        "a/robbery001_x264 copy.mp4": "video",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_video_is_in_one_place(root):
    found = take_inventory(UCF, root)
    assert [i.video_id for i in found.present] == ["Abuse001_x264"]
    assert [i.video_id for i in found.empty] == ["Abuse003_x264"]
    assert [i.video_id for i, _ in found.clashing] == ["Abuse002_x264"]
    assert [i.video_id for i in found.missing] == ["Robbery001_x264"]
    assert found.bytes == 5
    assert [len(paths) for paths in found.copies] == [2]
    assert found.renamed == (("Robbery001_x264", root / "a" / "robbery001_x264 copy.mp4"),)
    (part,) = found.parts
    assert (part.part, part.missing, part.listed) == ("Anomaly-Videos-Part-3", 1, 1)


def test_an_ambiguous_video_is_not_taken_and_an_empty_copy_is_no_rival(root):
    by_id = {item.video_id: item.path for item in UCF.discover(root)}
    assert by_id["Abuse002_x264"] == ""
    (root / "a" / "Abuse002_x264.mp4").write_text("")
    by_id = {item.video_id: item.path for item in UCF.discover(root)}
    assert by_id["Abuse002_x264"] == str(root / "b" / "Abuse002_x264.mp4")


def test_some_of_the_videos_alone(root):
    found = take_inventory(UCF, root)
    left = restricted(found, found.items[1:])
    assert (left.present, left.bytes) == ((), 0)
    assert [i.video_id for i in left.items] == [i.video_id for i in found.items[1:]]


def test_lists_of_another_folder(root, tmp_path_factory):
    lists = tmp_path_factory.mktemp("lists")
    for path in list(root.glob("*.txt")):
        path.rename(lists / path.name)
    with pytest.raises(StoreError, match="give --lists"):
        take_inventory(UCF, root)
    assert len(take_inventory(UCF, root, lists).items) == 4
    with pytest.raises(StoreError, match="no such folder: .*gone"):
        take_inventory(UCF, root, root / "gone")
