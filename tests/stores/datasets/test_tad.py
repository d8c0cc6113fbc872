import json
import shutil
from collections import Counter

import pytest

from stores.datasets import base
from stores.records import Event, StoreError

TAD = base.load("tad")
LISTS = "TAD_train.txt", "TAD_test.txt"
TRAIN = (210, 80, 11, 14, 6, 41, 14, 24)
TEST = (40, 24, 3, 5, 2, 10, 12, 4)


@pytest.fixture(scope="module")
def facts(shared_data):
    return json.loads((shared_data / "tad" / "frames_and_events.json").read_text())


@pytest.fixture
def root(tmp_path, shared_data):
    """Every listed name as the folder of images that it is, named like a file."""
    for file in LISTS:
        shutil.copy(shared_data / "tad" / file, tmp_path)
        for line in (tmp_path / file).read_text().splitlines():
            folder = tmp_path / line.split()[0]
            folder.mkdir(parents=True)
            (folder / "0.jpg").write_bytes(b"p")
    return tmp_path


@pytest.mark.data
def test_all_500_videos_get_split_kind_and_the_truth_of_umil(root, facts):
    items = TAD.discover(root)
    assert all(item.path.endswith(f"{item.video_id}.mp4") for item in items)
    found = Counter((item.labels[0], item.split) for item in items)
    assert tuple(found[name, "train"] for name in TAD.classes) == TRAIN
    assert tuple(found[name, "test"] for name in TAD.classes) == TEST
    for item in items:
        fact = facts[item.video_id]
        assert fact["split_umil"] == item.split
        events = fact.get("events_umil", []) if item.split == "test" else []
        assert [[e.start, e.end] for e in item.events or ()] == events
    assert sum(e.end - e.start for item in items for e in item.events or ()) == 10_631


@pytest.mark.data
def test_the_lengths_are_the_known_ones(root, facts):
    lengths = {
        name: each for name, found in TAD.lengths(root, None).items() for each in found.values()
    }
    assert {name: each[0] for name, each in lengths.items()} == {
        name: fact["n_frames"] for name, fact in facts.items() if "split_umil" in fact
    }
    assert sum(each[0] for each in lengths.values()) == 537_344
    test = {item.video_id for item in TAD.discover(root) if item.split == "test"}
    assert sum(lengths[name][0] for name in test) == 84_186


@pytest.mark.data
def test_the_other_split_shares_what_the_note_says(root, facts):
    train = {item.video_id for item in TAD.discover(root) if item.split == "train"}
    other = {name for name, fact in facts.items() if fact.get("split_lagovad") == "test"}
    assert (len(other), len(train & other)) == (100, 76)
    assert "76 of its videos" in TAD.note


def test_lines_are_read_as_each_list_writes_them(tmp_path):
    (tmp_path / LISTS[0]).write_text("frames/abnormal/01_Accident_001.mp4 0 224 1\n")
    (tmp_path / LISTS[1]).write_text("frames/abnormal/01_Accident_006.mp4 266 1 75 110\n")
    train, test = TAD.itemise(tmp_path, None, {})
    assert (train.labels, train.events) == (("Accident",), None)
    assert test.events == (Event(75, 110, "Accident"),)
    lengths = TAD.lengths(tmp_path, None)
    assert lengths["01_Accident_001"] == {"TAD_train.txt": range(224, 225)}
    assert lengths["01_Accident_006"] == {"TAD_test.txt": range(267, 268)}


@pytest.mark.parametrize(
    "line", ["a/01_Accident_6.mp4 0 224 2", "a/01_Accident_6.mp4 224 1", "a/b.mp4 0 x 1", "x"]
)
def test_a_line_of_another_form_is_named(tmp_path, line):
    (tmp_path / LISTS[0]).write_text(f"frames/normal/Normal_1.mp4 0 9 0\n{line}\n")
    with pytest.raises(StoreError, match=r"TAD_train\.txt line 2: .* is no line of UMIL's"):
        TAD.itemise(tmp_path, None, {})
