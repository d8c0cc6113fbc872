"""What every data set has to be: its fixed facts, and each item that it finds in a small tree."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from stores.datasets import base
from stores.datasets.synthetic.dataset import generate
from stores.datasets.synthetic.plan import Settings, plan
from stores.files.locations import size_of
from stores.records import StoreError

SMALL = Settings(1, 4, 1, 4, seconds=(1.0, 1.5))
UCF_LISTS = {
    "Anomaly_Train.txt": [
        *("Abuse/Abuse001_x264.mp4", "Arson/Arson002_x264.mp4"),
        "Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4",
    ],
    "Anomaly_Test.txt": [
        *("Abuse/Abuse028_x264.mp4", "Robbery/Robbery050_x264.mp4"),
        "Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4",
    ],
    "Temporal_Anomaly_Annotation.txt": [
        "Abuse028_x264.mp4  Abuse  165  240  -1  -1",
        "Robbery050_x264.mp4  Robbery  3  9  20  30",
        "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1",
    ],
}
XD_TRAIN = "Film.One__#0-10_label_B1-0-0", "Film.One__#10-20_label_A", "v=abc__#1_label_G-B2-0"
XD_TEST = "Film.Two__#0-10_label_B1-B2-0", "Film.Two__#10-20_label_A"


def ucf(root):
    for name, lines in UCF_LISTS.items():
        (root / name).write_text("\n".join(lines))
    for name in [*UCF_LISTS["Anomaly_Train.txt"], *UCF_LISTS["Anomaly_Test.txt"]][1:]:
        stub(root / name)


def xd(root):
    (root / "annotations.txt").write_text(f"{XD_TEST[0]}.mp4 5 9 12 30\n")
    (root / "train_videos.txt").write_text("\n".join(XD_TRAIN))
    for name in XD_TRAIN[1:]:
        stub(root / "1-1004" / f"{name}.mp4")
    for name in XD_TEST:
        stub(root / "videos" / f"{name}.mp4")


def msad(root):
    names = "Fire_1", "Robbery_2", "MSAD_normal_street1", "Fire_2", "MSAD_normal_testing_1"
    for file, own in (("msad-i3d.list", names[:3]), ("msad-i3d-test.list", names[3:])):
        (root / file).write_text("\n".join(f"/scratch/{name}_i3d.npy" for name in own))
    (root / "anomaly_annotation.csv").write_text("Fire_2,street,90,5,60\n")
    for name in names[1:]:
        stub(root / "MSAD_blur" / f"{name}.mp4")


def sht(root):
    (root / "SH_Train.txt").write_text("01_001\n01_0014\n01_002\n")
    (root / "SH_Test.txt").write_text("01_0015\n01_003\n")
    masks = root / "testing" / "test_frame_mask"
    masks.mkdir(parents=True)
    for name in ("01_0014", "01_0015"):
        np.save(masks / f"{name}.npy", np.array([0, 1, 1, 0] * 4, np.uint8))
        for number in range(16):
            stub(root / "testing" / "frames" / name / f"{number:03d}.jpg")
    for name in ("01_002", "01_003"):
        stub(root / "training" / "videos" / f"{name}.avi")


def tad(root):
    (root / "TAD_train.txt").write_text(
        "frames/abnormal/01_Accident_001.mp4 0 24 1\nframes/abnormal/05_else_002.mp4 0 30 5\n"
        "frames/normal/Normal_001.mp4 0 45 0"
    )
    (root / "TAD_test.txt").write_text(
        "frames/abnormal/07_RoadSpills_003.mp4 99 7 5 100\nframes/normal/Normal_002.mp4 63 0 0 63"
    )
    for name in ("abnormal/05_else_002", "normal/Normal_001", "abnormal/07_RoadSpills_003"):
        stub(root / "frames" / f"{name}.mp4" / "0.jpg")
    stub(root / "stitched" / "Normal_002.mp4")


def custom(root):
    for label, number in itertools.product(("calm", "fight"), range(8)):
        stub(root / label / f"cam{number // 2}_{number}.mp4")
    (root / "dataset.yaml").write_text(
        "normal: calm\nclasses: {fight: [a brawl, people fighting]}\ngroup: '^(cam[0-9])_'\n"
    )


def folder(root):
    for name in ("a.mp4", "b/a.mp4", "c & d/e #1.AVI"):
        stub(root / name)


def synthetic(root):
    generate(root, 0, SMALL)


def stub(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"video")


TREES = {tree.__name__: tree for tree in (ucf, xd, msad, sht, tad, custom, folder, synthetic)}
ABSENT = {
    "ucf": {"Abuse001_x264"},
    "xd": {XD_TRAIN[0]},
    "msad": {"Fire_1"},
    "sht": {"01_001"},
    "tad": {"01_Accident_001"},
}


@pytest.fixture(scope="module", params=base.names())
def found(request, tmp_path_factory):
    """A data set as it is at the root of its small tree, the root, and its items."""
    root = tmp_path_factory.mktemp(request.param)
    TREES[request.param](root)
    dataset = base.load(request.param)
    if dataset.describe is not None:
        dataset = dataset.describe(root, None)
    return dataset, root, list(dataset.discover(root))


@pytest.mark.parametrize("name", base.names())
def test_its_name_is_that_of_its_module_and_no_root_is_refused(name):
    dataset = base.load(name)
    assert dataset.name == name
    assert dataset.test_crop in range(10)
    assert dataset.frame_rate > 0
    with pytest.raises(StoreError):
        dataset.discover(Path("/no/such/root"))


def test_every_class_has_texts(found):
    dataset, _, _ = found
    assert len(dataset.prompts) == len(dataset.classes) == len(set(dataset.classes))
    for texts in dataset.prompts:
        assert texts
        assert all(text.strip() for text in texts)


def test_every_video_is_one_item_with_its_file_or_none(found):
    dataset, root, items = found
    assert len({item.video_id for item in items}) == len(items) > 2
    files = [item.path for item in items if item.path]
    assert len(set(files)) == len(files)
    assert all(Path(path).is_absolute() and size_of(path) for path in files)
    assert {i.video_id for i in items if not i.path} == ABSENT.get(dataset.name, set())
    assert list(dataset.discover(root)) == items


def test_labels_are_classes_and_the_first_class_is_the_normal_one(found):
    dataset, _, items = found
    if not dataset.classes:
        assert {(item.split, item.labels, item.events) for item in items} == {("none", (), None)}
        return
    for item in items:
        assert item.labels
        assert set(item.labels) <= set(dataset.classes)
        assert (dataset.classes[0] in item.labels) == (item.labels == dataset.classes[:1])
    for split in ("train", "test"):
        normal = {item.labels == dataset.classes[:1] for item in items if item.split == split}
        assert normal == {True, False}


def test_only_test_videos_have_truth_and_only_anomalous_ones_events(found):
    dataset, _, items = found
    for item in items:
        assert (item.events is not None) == (item.split == "test")
        if item.split == "test":
            assert bool(item.events) == (item.labels != dataset.classes[:1])


def test_events_are_half_open_in_order_and_of_their_videos_class(found):
    dataset, _, items = found
    frames = {each.video_id: each.frames for each in plan(0, SMALL)}
    for item in items:
        edges = [edge for event in item.events or () for edge in (event.start, event.end)]
        assert edges == sorted(edges)
        for event in item.events or ():
            most = frames[item.video_id] if dataset.name == "synthetic" else base.MOST_FRAMES
            assert 0 <= event.start < event.end <= most
            assert event.label in set(item.labels) - {dataset.classes[0]}


def test_no_recording_lies_in_both_splits(found):
    _, _, items = found
    groups = {
        split: {item.group for item in items if item.group and item.split == split}
        for split in ("train", "test")
    }
    assert not groups["train"] & groups["test"]


def test_clips_of_one_film_or_camera_are_a_group(found):
    dataset, _, items = found
    groups = {item.video_id: item.group for item in items}
    if dataset.name == "xd":
        assert [groups[name] for name in XD_TRAIN] == ["Film.One", "Film.One", "v=abc"]
    elif dataset.name == "custom":
        assert all(group == Path(name).name[:4] for name, group in groups.items())
    else:
        assert set(groups.values()) == {""}


def test_lists_alone_give_the_same_items(found):
    dataset, root, items = found
    if dataset.itemise is not None:
        assert list(dataset.itemise(root, None, base.index_by_stem(root))) == items
    elif dataset.describe is None:
        with pytest.raises(StoreError, match="has no lists"):
            dataset.discover(root, root)


def test_lengths_are_those_of_listed_videos(found):
    dataset, root, items = found
    if dataset.lengths is not None:
        lengths = dataset.lengths(root, None)
        assert lengths
        assert lengths.keys() <= {item.video_id for item in items}
        assert all(r[0] > 0 for each in lengths.values() for r in each.values())


def test_archives_have_names(found):
    dataset, _, items = found
    if dataset.part_of is not None:
        assert any(map(dataset.part_of, items))


def test_a_normal_video_is_an_event_in_the_published_truth_of_xd_alone(found):
    dataset, _, _ = found
    assert dataset.normal_is_event == (dataset.name == "xd")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "videos"), [("ucf", 1900), ("xd", 4754), ("msad", 720), ("sht", 437), ("tad", 500)]
)
def test_the_published_lists_keep_it_too(shared_data, name, videos):
    dataset = base.load(name)
    assert dataset.itemise is not None
    items = list(dataset.itemise(shared_data / name, None, {}))
    assert len({item.video_id for item in items}) == len(items) == videos
    known = shared_data / name / "frames_and_events_test.json"
    lengths = json.loads(known.read_text()) if known.is_file() else {}
    for item in items:
        frames = lengths.get(item.video_id, {}).get("n_frames", base.MOST_FRAMES)
        assert set(item.labels) <= set(dataset.classes)
        assert (item.events is not None) == (item.split == "test")
        for event in item.events or ():
            assert 0 <= event.start < min(event.end, frames)  # some end past their video
            assert event.label in item.labels
