"""Real folders with what real folders hold; permissions are asked of the kernel as another user."""

import logging
import os

import pytest

from stores.files.scan import log_passed_over, walk
from stores.records import StoreError


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_each_thing_is_in_its_place(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.MP4", "deep/a.ts", "notes.txt", "part.zip", "x.mp4.part", "begun"):
        (tmp_path / name).touch()
    for name in ("pipe.avi", "pipe"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "folder.mp4").mkdir()
    for link, target in {"gone.mkv": "/nowhere", "self.mp4": "self.mp4", "lost": "/no"}.items():
        (tmp_path / link).symlink_to(target)
    tree = walk(tmp_path)
    assert names(tree.videos, tmp_path) == ["b.MP4", "deep/a.ts"]
    assert names(tree.unusable, tmp_path) == ["gone.mkv", "pipe.avi", "self.mp4"]
    assert names(tree.broken_links, tmp_path) == ["gone.mkv", "lost", "self.mp4"]
    assert tree.unreadable == []
    assert {kind: names(paths, tmp_path) for kind, paths in tree.passed_over.items()} == {
        "archives": ["part.zip"],
        "unfinished downloads": ["x.mp4.part"],
        "text": ["notes.txt"],
        "empty files": ["begun"],
        "pipes, sockets and devices": ["pipe"],
    }
    assert "links that lead nowhere: 1 (lost)" in tree.others


def test_what_is_passed_over_is_counted_with_three_examples(tmp_path):
    for number in range(5):
        (tmp_path / f"shot{number}.JPG").touch()
    (tmp_path / "two\nlines").write_bytes(b"\0\1\2\3")
    assert walk(tmp_path).others == [
        "files of an unknown kind: 1 (two lines)",
        "pictures: 5 (shot0.JPG, shot1.JPG, shot2.JPG, …)",
    ]


def test_what_is_passed_over_is_one_line_and_nothing_is_none(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "a.mp4").touch()
    log_passed_over(walk(tmp_path))
    assert caplog.messages == []
    for name in ("b.jpg", "c.srt"):
        (tmp_path / name).touch()
    log_passed_over(walk(tmp_path))
    assert caplog.messages == [
        f"passed over below {tmp_path}: pictures: 1 (b.jpg), subtitles: 1 (c.srt)"
    ]


TRANSPORT = (b"\x47" + bytes(187)) * 9


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("ch01", TRANSPORT, "videos"),
        ("ch01.bak", TRANSPORT, "videos"),
        ("a.ts", TRANSPORT, "videos"),
        ("a.ts", bytes(999), "videos"),  # damaged: it is to fail by name
        ("a.ts", b"", "videos"),
        ("a.mts", b"export const a = 1;\n", "text"),
        ("a.ts", "// h\u00e9\nimport x from 'y'".encode(), "text"),
        ("a.mp4", b"<!doctype html>404", "videos"),
        ("a.264", b"no stream", "videos"),
        ("a.dv", b"Divine Comedy\n", "text"),
        ("a.rm", b".RMF" + bytes(99), "videos"),
        ("a.ogg", b"OggS" + bytes(24) + b"\x01vorbis", "sound"),
        ("a.ogg", b"OggS" + bytes(24) + b"\x80theora", "videos"),
        ("a.dat", b"RIFF\0\0\0\0CDXA", "videos"),
        ("README", b"Read me", "text"),
    ],
)
def test_first_bytes_decide_where_the_name_does_not(tmp_path, name, content, kind):
    path = tmp_path / name
    path.write_bytes(content)
    tree = walk(tmp_path)
    assert {"videos": tree.videos, **tree.passed_over}[kind] == [path]


def test_a_file_that_grew_is_looked_at_anew(tmp_path):
    path = tmp_path / "recording"
    path.touch()
    assert walk(tmp_path).videos == []
    path.write_bytes(TRANSPORT)
    assert walk(tmp_path).videos == [path]


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
    (public / "secret").write_text("?")
    (public / "secret").chmod(0)
    (public / "closed").chmod(0)
    (public / "listed").chmod(0o444)
    with without_privileges():
        tree = walk(public)
    for name in ("closed", "listed"):
        (public / name).chmod(0o755)
    assert names(tree.videos, public) == ["open/x.mp4"]
    assert names(tree.unreadable, public) == ["closed"]
    assert names(tree.unusable, public) == ["listed/x.mp4"]
    assert tree.others == ["files that cannot be read: 1 (secret)"]


def test_a_root_that_cannot_be_searched_is_an_error_and_a_file_is_said_to_be_one(
    public, without_privileges
):
    (public / "closed").mkdir(mode=0)
    (public / "x.mp4").touch()
    with without_privileges(), pytest.raises(StoreError, match="cannot search .*closed: this user"):
        walk(public / "closed")
    with pytest.raises(StoreError, match=r"no folder but a file: .*x\.mp4; give the folder"):
        walk(public / "x.mp4")


def test_a_folder_of_numbered_images_is_a_video_and_what_lies_beside_them_is_looked_at(tmp_path):
    for folder, count in (("frames/01_0015", 16), ("few", 15), ("tad/a.mp4", 1), ("b/c", 20)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            (tmp_path / folder / f"{number}.jpg").write_bytes(b"p")
    (tmp_path / "b" / "c" / "film.mp4").write_bytes(b"v")
    (tmp_path / "frames" / "01_0015" / "notes.txt").write_text("text")
    (tmp_path / "frames" / "01_0015" / "more").mkdir()
    (tmp_path / "frames" / "01_0015" / "more" / "d.mp4").write_bytes(b"v")
    tree = walk(tmp_path)
    assert names(tree.videos, tmp_path) == [
        "b/c/film.mp4",
        "frames/01_0015",
        "frames/01_0015/more/d.mp4",
        "tad/a.mp4",
    ]
    assert {kind: len(paths) for kind, paths in tree.passed_over.items()} == {
        "pictures": 35,
        "text": 1,
    }
