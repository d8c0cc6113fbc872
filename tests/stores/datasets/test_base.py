import pytest

from stores.datasets import base
from stores.records import Event, StoreError, VideoItem


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(
        StoreError, match=r"unknown data set 'ufc'; there are custom, folder,.*ucf, xd"
    ):
        base.load("ufc")


def test_a_list_lies_in_the_root_or_just_below_or_where_it_is_said_to(tmp_path):
    root, lists = tmp_path / "root", tmp_path / "lists"
    for folder in (root / "below" / "deep", lists):
        folder.mkdir(parents=True)
    (root / "below" / "deep" / "names.txt").touch()
    with pytest.raises(StoreError, match=r"names\.txt is not in .*root; .* give --lists"):
        base.find_list(root, None, "names.txt")
    for path in (root / "below" / "names.txt", root / "names.txt"):
        path.touch()
        assert base.find_list(root, None, "names.txt") == path
    with pytest.raises(StoreError, match="is not in .*lists"):
        base.find_list(root, lists, "names.txt")


def test_lines_are_numbered_and_blank_ones_skipped(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffa\r\n\n  b c\u2028d \n".encode())
    assert list(base.read_lines(path)) == [(1, "a"), (3, "b c\u2028d")]


def test_pairs_of_frames_are_half_open_stretches(tmp_path):
    found = base.events_in(["3", "9", "-1", "-1", "20", "21"], "x", tmp_path, 1)
    assert found == (Event(3, 9, "x"), Event(20, 21, "x"))
    assert base.events_in([], "x", tmp_path, 1) == ()
    with pytest.raises(StoreError, match="line 7: .* are no pairs of frames"):
        base.events_in(["3"], "x", tmp_path, 7)


def test_a_name_that_is_listed_twice_is_refused():
    items = [VideoItem("a", "", "train"), VideoItem("b", ""), VideoItem("a", "", "test")]
    base.refuse_doubles(items[:2])
    with pytest.raises(StoreError, match=r"'a' is listed twice \(train, test\)"):
        base.refuse_doubles(items)


def test_copies_count_once_and_different_videos_of_one_name_not_at_all(tmp_path):
    files = {"x/a.mp4": "", "y/a.mp4": "one", "x/b.mp4": "one", "y/b.mp4": "other", "c.mp4": "1"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    index = base.index_by_stem(tmp_path)
    assert index == {"a": tmp_path / "y" / "a.mp4", "c": tmp_path / "c.mp4"}
    assert base.locate(index, "c") == str(tmp_path / "c.mp4")
    assert base.locate(index, "b") == ""
