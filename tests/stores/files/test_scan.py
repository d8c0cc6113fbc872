"""Real folders with what real folders hold; permissions are asked of the kernel as another user."""

import os

import pytest

from stores.files.scan import refuse_other_files, walk
from stores.records import StoreError, VideoItem


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_each_thing_is_in_its_place(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.MP4", "deep/a.ts", "notes.txt", "part.zip", "x.mp4.part"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.avi")
    (tmp_path / "folder.mp4").mkdir()
    for link, target in {"gone.mkv": "/nowhere", "self.mp4": "self.mp4", "lost": "/no"}.items():
        (tmp_path / link).symlink_to(target)
    tree = walk(tmp_path)
    assert names(tree.videos, tmp_path) == ["b.MP4", "deep/a.ts"]
    assert names(tree.unusable, tmp_path) == ["gone.mkv", "pipe.avi", "self.mp4"]
    assert names(tree.broken_links, tmp_path) == ["gone.mkv", "lost", "self.mp4"]
    assert names(tree.leftovers, tmp_path) == ["part.zip", "x.mp4.part"]
    assert tree.unreadable == []


def test_links_are_followed_out_of_the_root_and_each_folder_once(tmp_path):
    root, store = tmp_path / "root", tmp_path / "store"
    for folder in (root, store):
        folder.mkdir()
        (folder / "x.mp4").touch()
    (root / "out").symlink_to(store)
    (root / "again").symlink_to(store)
    (store / "back").symlink_to(root)
    assert len(walk(root).videos) == 2
    assert len(walk(root / "out").videos) == 2


def test_what_may_not_be_looked_at_is_told(public, without_privileges):
    for name in ("closed", "listed", "open"):
        (public / name).mkdir()
        (public / name / "x.mp4").write_text("video")
    (public / "closed").chmod(0)
    (public / "listed").chmod(0o444)
    with without_privileges():
        tree = walk(public)
    for name in ("closed", "listed"):
        (public / name).chmod(0o755)
    assert names(tree.videos, public) == ["open/x.mp4"]
    assert names(tree.unreadable, public) == ["closed"]
    assert names(tree.unusable, public) == ["listed/x.mp4"]


def test_another_file_of_the_same_id_is_refused(tmp_path):
    for name, text in {"a/x.mp4": "one", "b/x.mp4": "another", "copy/x.mp4": "eno"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    known = {"x.mp4": str(tmp_path / "a/x.mp4")}

    def check(path):
        refuse_other_files(tmp_path, [VideoItem("x.mp4", str(path))], known)

    check(tmp_path / "a/x.mp4")
    check(tmp_path / "copy/x.mp4")
    check("")
    with pytest.raises(StoreError, match=r"a/x\.mp4, and .*b/x\.mp4 has the same name"):
        check(tmp_path / "b/x.mp4")
    (tmp_path / "a/x.mp4").unlink()  # moved away: nothing left to be taken for it
    check(tmp_path / "b/x.mp4")
