"""Real folders with what real folders hold; permissions are asked of the kernel as another user."""

import os

from stores.files.scan import walk


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
