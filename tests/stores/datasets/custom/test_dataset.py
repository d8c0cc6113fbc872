import json

import pytest

from stores.datasets.custom import dataset as custom
from stores.datasets.custom.dataset import (
    WHOLE,
    check_name,
    describe,
    discover,
    read_dataset,
    write_dataset,
)
from stores.datasets.inventory import take_inventory
from stores.records import Event, StoreError


@pytest.fixture
def root(tmp_path):
    """Eight recordings of two clips of either class, and a description."""
    for label in ("brawl", "quiet"):
        folder = tmp_path / "videos" / label
        folder.mkdir(parents=True)
        for number in range(16):
            (folder / f"{label}{number}.mp4").write_bytes(b"x")
    (tmp_path / "videos" / "dataset.yaml").write_text(
        "normal: quiet\nclasses: {brawl: [people fighting, a brawl]}\nmetric: ap\n"
    )
    return tmp_path / "videos"


def test_a_folder_of_class_folders_is_a_data_set(root):
    dataset = describe(root)
    assert dataset.classes == ("quiet", "brawl")
    assert dataset.prompts == (("normal",), ("people fighting", "a brawl"))
    assert dataset.metric == "ap"
    assert "24 videos to train on and 8 to test on; split by 16 sources" in dataset.note
    items = {item.video_id: item for item in discover(root)}
    first, last = items["brawl/brawl0.mp4"], items["brawl/brawl15.mp4"]
    assert (first.split, first.labels, first.events) == ("train", ("brawl",), None)
    assert (last.split, last.events) == ("test", (Event(0, WHOLE, "brawl"),))
    assert items["quiet/quiet15.mp4"].events == ()
    assert (first.group, last.group) == ("brawl/1", "brawl/8")


def test_classes_that_may_be_one_misspelt_are_told(tmp_path):
    for label in ("fight", "fihgt", "fall 1", "fall 2", "normal"):
        for split in ("train", "test"):
            path = tmp_path / split / label / f"{split} {label}.mp4"
            path.parent.mkdir(parents=True)
            path.write_text(label)
    note = describe(tmp_path).note
    assert note.count("misspelt") == 1
    assert "'fight' and 'fihgt': is one misspelt?" in note


def test_a_list_beside_the_videos_says_more(root, tmp_path):
    lists = tmp_path / "mine.csv"
    rows = [
        "path,labels,split,events",
        "videos/brawl/brawl0.mp4,brawl,train,",
        "videos/quiet/quiet0.mp4,quiet,train,",
        "videos/brawl/brawl1.mp4,brawl,test,5-9",
        "videos/quiet/quiet9.mp4,quiet,test,",
        "videos/gone.mp4,quiet,test,",
    ]
    lists.write_text("\n".join(rows))
    for given in ((root, lists), (lists, root / "dataset.yaml")):
        items = {item.video_id: item for item in discover(*given)}
        assert len(items) == 5
        assert items["videos/brawl/brawl1.mp4"].events == (Event(5, 9, "brawl"),)
        assert items["videos/gone.mp4"].path == ""
    (tmp_path / "lists").mkdir()
    moved = "\n".join(rows).replace("videos/", f"{root}/")
    (tmp_path / "lists" / "videos.csv").write_text(moved)
    assert len(discover(root, tmp_path / "lists")) == 5
    found = take_inventory(custom.DATASET, lists, root / "dataset.yaml")
    assert [item.video_id for item in found.missing] == ["videos/gone.mp4"]
    assert len(found.extra) == 28


def test_a_split_without_a_kind_is_refused(root):
    for video in (root / "quiet").glob("*.mp4"):
        if video.name != "quiet0.mp4":
            video.unlink()
    with pytest.raises(StoreError, match="no normal video is left for the test split"):
        discover(root)


def test_normal_and_something_else_is_refused(root, tmp_path):
    lists = tmp_path / "mine.jsonl"
    lists.write_text('{"path": "a.mp4", "labels": ["quiet", "brawl"], "split": "train"}')
    with pytest.raises(StoreError, match="is left for|normal and something else"):
        discover(root, lists)


@pytest.mark.parametrize("classes", [[], ["one"], ["one", "one"], ["one", "two", "three"]])
def test_kept_classes_that_make_no_data_set_are_refused(tmp_path, classes):
    content = {"schema": 1, "name": "x", "classes": classes, "prompts": [["a"], ["b"]]}
    (tmp_path / "dataset.json").write_text(json.dumps({**content, "metric": "auc"}))
    with pytest.raises(StoreError, match=r"damaged .*dataset\.json: got \d classes.*extract again"):
        read_dataset(tmp_path)


def test_what_was_described_is_kept_beside_the_features(root, tmp_path):
    dataset = describe(root)
    write_dataset(tmp_path / "features", dataset)
    kept = read_dataset(tmp_path / "features")
    assert kept is not None
    assert (kept.classes, kept.prompts, kept.metric) == (*(dataset.classes, dataset.prompts, "ap"),)
    assert read_dataset(tmp_path) is None
    (root / "dataset.yaml").write_text("normal: quiet\n")
    write_dataset(tmp_path / "features", describe(root))
    corrected = read_dataset(tmp_path / "features")
    assert corrected is not None
    assert (corrected.prompts, corrected.metric) == ((("normal",), ("brawl",)), "auc")
    (tmp_path / "features" / "dataset.json").write_text("{}")
    with pytest.raises(StoreError, match="run extract again to write it anew"):
        read_dataset(tmp_path / "features")


def test_names_that_mean_something_else_are_refused():
    assert check_name("fights-2") == "fights-2"
    for name in ("ucf", "scores", "../up", ""):
        with pytest.raises(StoreError, match="--name"):
            check_name(name)
