import json
from collections import Counter

import numpy as np
import pytest

from model.evaluation.metrics import frame_truth
from stores.datasets import base
from stores.records import SEGMENT_FRAMES, Event, StoreError

MSAD = base.load("msad")
LISTS = "msad-i3d.list", "msad-i3d-test.list"
TRAIN = (360, 7, 7, 7, 13, 12, 21, 15, 8, 19, 6, 5)
TEST = (120, 8, 8, 6, 12, 10, 22, 14, 9, 20, 6, 5)


@pytest.fixture(scope="module")
def facts(shared_data):
    return json.loads((shared_data / "msad" / "frames_and_events.json").read_text())


def annotation(facts):
    """The data set's own CSV as it is described: frames from 1, both ends of a stretch in it."""
    lines = ["name,scenario,total frames,starting frame of anomaly,ending frame of anomaly"]
    for name, fact in facts.items():
        for start, end in fact["events"] if fact["split"] == "test" else ():
            lines.append(f"{name},street,{fact['n_frames']},{start + 1},{end}")
    return "\n".join(lines)


@pytest.fixture
def root(tmp_path, shared_data, facts):
    """Every listed name as a file of a byte, as distributed, with lists and annotation."""
    folder = tmp_path / "MSAD Dataset"
    for file in LISTS:
        (tmp_path / file).write_bytes((shared_data / "msad" / file).read_bytes())
        for line in (tmp_path / file).read_text().split():
            path = folder / "MSAD_blur" / f"{line.rpartition('/')[2][:-8]}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"v")
    (folder / "anomaly_annotation.csv").write_text(annotation(facts))
    return tmp_path


@pytest.mark.data
def test_all_720_videos_get_split_and_class(root):
    items = MSAD.discover(root)
    assert all(item.path for item in items)
    found = Counter((item.labels[0], item.split) for item in items)
    assert tuple(found[name, "train"] for name in MSAD.classes) == TRAIN
    assert tuple(found[name, "test"] for name in MSAD.classes) == TEST


@pytest.mark.data
def test_the_annotation_gives_whole_stretches(root, facts):
    for item in MSAD.discover(root):
        stated = [(e.start, e.end) for e in item.events or ()]
        expected = facts[item.video_id].get("events", ()) if item.split == "test" else ()
        assert stated == [tuple(pair) for pair in expected]


@pytest.mark.data
@pytest.mark.parametrize("source", ["anomaly_annotation.csv", "MSAD_test.txt"])
def test_both_sources_make_the_published_frame_truth(tmp_path, shared_data, facts, source):
    folder = shared_data / "msad"
    for file in LISTS:
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    if source == "MSAD_test.txt":
        (tmp_path / source).write_bytes((folder / source).read_bytes())
    else:
        (tmp_path / source).write_text(annotation(facts))
    items = {item.video_id: item for item in MSAD.itemise(tmp_path, None, {})}
    published = json.loads((folder / "concatenated_truth.json").read_text())
    # The lengths of normal videos are published in a form that contradicts itself.
    order = [name for name in published["order"] if items[name].labels != ("Normal",)]
    own = np.concatenate(
        [
            frame_truth(items[n].events, facts[n]["n_frames"] // SEGMENT_FRAMES * SEGMENT_FRAMES)
            for n in order
        ]
    )
    truth = np.zeros(published["gt-MSAD-WS-new.npy"]["length"], np.bool_)
    for start, end in published["gt-MSAD-WS-new.npy"]["intervals"]:
        truth[start:end] = True
    assert (len(own), int(own.sum()), len(truth)) == (56_336, 33_160, 143_920)
    assert np.array_equal(own, truth[: len(own)])
    assert not truth[len(own) :].any()


@pytest.mark.data
def test_lengths_are_those_of_the_source(root, shared_data, facts):
    lengths = MSAD.lengths(root, None)
    assert sum(r[0] for each in lengths.values() for r in each.values()) == 57_330
    converted = MSAD.lengths(shared_data / "msad", None)["Explosion_3"]
    assert converted == {"MSAD_test.txt": range(80, 96)}
    assert facts["Explosion_3"]["n_frames"] == 94


def lists(folder, train="a/Fire_1_i3d.npy", test="a/Fire_2_i3d.npy\nb/MSAD_normal_testing_1.npy"):
    (folder / LISTS[0]).write_text(train)
    (folder / LISTS[1]).write_text(test)


def test_a_stretch_is_half_open_and_one_after_the_end_is_none(tmp_path):
    lists(tmp_path)
    (tmp_path / "anomaly_annotation.csv").write_text("Fire_2.mp4,street,90,1,90")
    assert MSAD.itemise(tmp_path, None, {})[1].events == (Event(0, 90, "Fire"),)
    (tmp_path / "anomaly_annotation.csv").unlink()
    (tmp_path / "MSAD_test.txt").write_text("F/Fire_2 80 4 5 79\n")
    assert MSAD.itemise(tmp_path, None, {})[1].events == (Event(5, 80, "Fire"),)
    (tmp_path / "MSAD_test.txt").write_text("F/Fire_2 80 4 0 80\n")
    assert MSAD.itemise(tmp_path, None, {})[1].events == ()


def test_what_cannot_be_understood_is_named_by_line(tmp_path):
    lists(tmp_path)
    with pytest.raises(StoreError, match=r"anomaly_annotation\.csv is not in .*nor MSAD_test\.txt"):
        MSAD.itemise(tmp_path, None, {})
    truth = tmp_path / "anomaly_annotation.csv"
    for line, said in {
        "Fire_2,street,90,9,3": "line 1: frames 9 to 3 are no stretch",
        "Fire_2,street,90": "line 1: .*are not the 3 numbers",
        "Fire_2,street,90,1,x": "line 1: .*are not the 3 numbers",
        "Fire_9,street,90,1,5": "no stretch for 1 anomalous test videos .Fire_2.",
    }.items():
        truth.write_text(line)
        with pytest.raises(StoreError, match=said):
            MSAD.itemise(tmp_path, None, {})
    lists(tmp_path, train="a/Party_1_i3d.npy")
    with pytest.raises(StoreError, match=r"msad-i3d\.list line 1: .*names no class of MSAD"):
        MSAD.itemise(tmp_path, None, {})
