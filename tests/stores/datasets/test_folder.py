import os

import pytest

from stores.datasets import base
from stores.records import StoreError

FOLDER = base.load("folder")


def test_ids_are_paths_below_the_root_and_two_of_one_name_stay_apart(tmp_path):
    for name in ("a/x.mp4", "b/x.mp4", "c & d/é #1.MKV", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    items = FOLDER.discover(tmp_path)
    assert [i.video_id for i in items] == ["a/x.mp4", "b/x.mp4", "c & d/é #1.MKV"]
    assert {(i.split, i.labels, i.events) for i in items} == {("none", (), None)}


def test_names_that_are_no_text_and_inputs_that_are_no_files_are_items(tmp_path):
    for name in (b"caf\xe9.mp4", b"-a\nb.mp4", b"[bold]:fire:.mp4"):
        (tmp_path / os.fsdecode(name)).touch()
    (tmp_path / "gone.mp4").symlink_to("/nowhere")
    items = FOLDER.discover(tmp_path)
    assert [i.video_id for i in items] == [
        r"-a\x0ab.mp4",
        "[bold]:fire:.mp4",
        r"caf\xe9.mp4",
        "gone.mp4",
    ]
    assert os.fsencode(items[2].path) == os.fsencode(tmp_path) + b"/caf\xe9.mp4"


def test_names_that_differ_in_normalisation_alone_are_two_videos(tmp_path):
    for name in ("caf\u00e9.mp4", "cafe\u0301.mp4"):
        (tmp_path / name).touch()
    items = FOLDER.discover(tmp_path)
    assert [i.video_id for i in items] == ["cafe\u0301.mp4", "caf\u00e9.mp4"]
    assert [i.path for i in items] == [str(tmp_path / i.video_id) for i in items]


def test_a_link_that_loops_ends(tmp_path):
    (tmp_path / "x.mp4").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(FOLDER.discover(tmp_path)) == 1


def test_an_empty_and_a_missing_folder_are_named(tmp_path):
    with pytest.raises(StoreError, match=f"no video below {tmp_path}; it is empty"):
        FOLDER.discover(tmp_path)
    for name in ("a.jpg", "b.jpg", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match=r"; only pictures: 2 \(a\.jpg, b\.jpg\), text: 1 \(not"):
        FOLDER.discover(tmp_path)
    with pytest.raises(StoreError, match=r"no such folder: .*gone"):
        FOLDER.discover(tmp_path / "gone")


def test_a_folder_of_images_is_one_video_by_itself_too(tmp_path):
    root = tmp_path / "01_0015"
    root.mkdir()
    for number in range(16):
        (root / f"{number:03d}.jpg").write_bytes(b"p")
    assert [(i.video_id, i.path) for i in FOLDER.discover(root)] == [("01_0015", str(root))]
    assert [i.video_id for i in FOLDER.discover(tmp_path)] == ["01_0015"]
