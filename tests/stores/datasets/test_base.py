import pytest

from stores.datasets import base
from stores.records import StoreError


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(
        StoreError, match=r"unknown data set 'ufc'; there are custom, folder,.*ucf, xd"
    ):
        base.load("ufc")


def test_copies_count_once_and_different_videos_of_one_name_not_at_all(tmp_path):
    files = {"x/a.mp4": "", "y/a.mp4": "one", "x/b.mp4": "one", "y/b.mp4": "other", "c.mp4": "1"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    index = base.index_by_stem(tmp_path)
    assert index == {"a": tmp_path / "y" / "a.mp4", "c": tmp_path / "c.mp4"}
