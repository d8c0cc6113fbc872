import csv
import itertools
import os
import unicodedata
from pathlib import Path

import pytest

from stores.datasets import base, listing
from stores.datasets.inventory import take_inventory
from stores.records import Event, StoreError, VideoItem


def test_a_list_lies_in_the_root_or_just_below_or_where_it_is_said_to(tmp_path):
    root, lists = tmp_path / "root", tmp_path / "lists"
    for folder in (root / "below" / "deep", lists):
        folder.mkdir(parents=True)
    (root / "below" / "deep" / "names.txt").touch()
    with pytest.raises(StoreError, match=r"names\.txt is not in .*root; .* give --lists"):
        listing.find_list(root, None, "names.txt")
    for path in (root / "below" / "names.txt", root / "names.txt"):
        path.touch()
        assert listing.find_list(root, None, "names.txt") == path
    with pytest.raises(StoreError, match="is not in .*lists"):
        listing.find_list(root, lists, "names.txt")


def test_lines_are_numbered_and_blank_ones_skipped(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffa\r\n\n  b c\u2028d \n".encode())
    assert list(listing.read_lines(path)) == [(1, "a"), (3, "b c\u2028d")]


def test_pairs_of_frames_are_half_open_stretches(tmp_path):
    found = listing.events_in(["3", "9", "-1", "-1", "20", "21"], "x", tmp_path, 1)
    assert found == (Event(3, 9, "x"), Event(20, 21, "x"))
    assert listing.events_in([], "x", tmp_path, 1) == ()
    with pytest.raises(StoreError, match="line 7: .* are no pairs of frames"):
        listing.events_in(["3"], "x", tmp_path, 7)


def test_a_name_that_is_listed_twice_is_refused():
    items = [VideoItem("a", "", "train"), VideoItem("b", ""), VideoItem("a", "", "test")]
    listing.refuse_doubles(items[:2])
    with pytest.raises(StoreError, match=r"'a' is listed twice \(train, test\)"):
        listing.refuse_doubles(items)


def test_a_video_that_is_not_there_has_an_empty_path(tmp_path):
    assert listing.locate({"c": tmp_path / "c.mp4"}, "c") == str(tmp_path / "c.mp4")
    assert listing.locate({}, "b") == ""


COMPOSED, APART = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("found", "listed", "meant"),
    [
        (["a", "b"], ["a", "c"], {"a": "a", "b": "b"}),
        ([APART], [COMPOSED], {COMPOSED: APART}),
        (["A.MP4"], ["a.mp4"], {"a.mp4": "A.MP4"}),
        (["x/a"], [r"X\a"], {r"X\a": "x/a"}),
        ([APART, COMPOSED], [COMPOSED], {COMPOSED: COMPOSED, APART: APART}),
        (["A", "a"], ["a"], {"a": "a", "A": "A"}),
        (["Xy", "xY"], ["xy"], {"Xy": "Xy", "xY": "xY"}),  # either file may be meant
        (["Xy"], ["xy", "XY"], {"Xy": "Xy"}),  # it may be either
        (["Xy"], ["Xy", "XY"], {"Xy": "Xy"}),
        (["Xy", "xy"], ["Xy", "XY"], {"Xy": "Xy", "XY": "xy"}),
    ],
)
def test_a_name_stands_for_the_one_file_that_it_can_mean(found, listed, meant):
    assert listing.under_listed_names({name: name for name in found}, listed) == meant


@pytest.mark.parametrize("entry", ["Abuse/a.b.mp4", r"Abuse\a.b.MP4", "a.b", "x/y/a.b.Mp4"])
def test_an_entry_of_a_list_names_a_file_with_slashes_of_any_system(entry):
    assert listing.listed_name(entry) == "a.b"


NAMES = {
    "ucf": ["Abuse/Abus\u00e9001_x264.mp4", "Testing_Normal/Normal_\u00e9_x264.mp4"],
    "xd": [
        "Caf\u00e9__#0-10_label_B1-0-0.mp4",
        "Caf\u00e9__#10-20_label_A.mp4",
    ],
    "custom": ["fight\u00e9/\u00e91.mp4", "normal/\u00e92.mp4"],
}
CASES = {
    "same": lambda name: name,
    "suffix": lambda name: name.replace(".mp4", ".MP4"),
    "upper": lambda name: name.upper(),
}


def _write_lists(dataset: str, root: Path, names: list[str]) -> None:
    if dataset == "ucf":
        (root / "Anomaly_Train.txt").write_text("")
        (root / "Anomaly_Test.txt").write_text("\n".join(names))
        name = unicodedata.normalize("NFKC", listing.listed_name(names[0]))
        (root / "Temporal_Anomaly_Annotation.txt").write_text(f"{name}.mp4 Abuse 3 9 -1 -1")
    elif dataset == "xd":
        (root / "test_videos.txt").write_text("\n".join(names))
        name = unicodedata.normalize("NFKC", listing.listed_name(names[0]))
        (root / "annotations.txt").write_text(f"{name}.mp4 3 9")
    else:
        with (root / "videos.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [
                    ("path", "labels", "split", "events"),
                    (names[0], "fight", "test", "3-9"),
                    (names[1], "normal", "test", ""),
                    ("train/f.mp4", "fight", "train", ""),
                    ("train/n.mp4", "normal", "train", ""),
                ]
            )
        for name in ("f", "n"):
            (root / "train").mkdir(exist_ok=True)
            (root / "train" / f"{name}.mp4").write_text("video")


@pytest.mark.parametrize("dataset", NAMES)
@pytest.mark.parametrize(
    ("listed", "stored", "case", "slash"),
    [*itertools.product(("NFC", "NFD"), ("NFC", "NFD"), CASES, "/\\")],
)
def test_a_list_of_one_system_names_the_files_of_another(
    tmp_path, dataset, listed, stored, case, slash
):
    for number, name in enumerate(NAMES[dataset]):
        path = tmp_path / CASES[case](unicodedata.normalize(stored, name))
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"video {number}")
    names = [unicodedata.normalize(listed, name).replace("/", slash) for name in NAMES[dataset]]
    _write_lists(dataset, tmp_path, names)
    items = [i for i in base.load(dataset).discover(tmp_path) if i.split == "test"]
    ids = names if dataset == "custom" else [listing.listed_name(name) for name in names]
    assert sorted(item.video_id for item in items) == sorted(ids)
    by_id = {item.video_id: item for item in items}
    for number, video_id in enumerate(ids):
        assert Path(by_id[video_id].path).read_text() == f"video {number}"
    assert [(e.start, e.end) for e in by_id[ids[0]].events] == [(3, 9)]
    assert by_id[ids[1]].events == ()


@pytest.mark.parametrize("dataset", NAMES)
def test_where_two_files_can_be_meant_none_is_taken_and_both_are_named(tmp_path, dataset):
    first, second = (unicodedata.normalize("NFC", name) for name in NAMES[dataset])
    rivals = [first.replace("\u00e9", "\u00c9"), first.replace("\u00e9", "e\u0301")]
    if dataset == "custom":  # the folder of that name is the one that is meant
        rivals = [f"fight\u00e9/{Path(name).name}" for name in rivals]
    for name in [*rivals, second]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    _write_lists(dataset, tmp_path, [first, second])
    found = take_inventory(base.load(dataset), tmp_path)
    (missing,) = found.missing
    assert listing.listed_name(missing.video_id) == listing.listed_name(first)
    assert {os.path.relpath(path, tmp_path) for _, path in found.renamed} == set(rivals)
