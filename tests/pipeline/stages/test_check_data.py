"""The check of both published data sets: every real name as a short real video, in every layout."""

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.settings import CheckDataRun, ExtractRun
from pipeline.show_data import show_check_data
from pipeline.stages.check_data import check_data
from pipeline.stages.extract import extract
from stores.datasets import base
from stores.datasets.ucf import part_of
from stores.records import StoreError

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def clip(shared_data, tmp_path_factory):
    """A real video of 32 frames, on the disk of the temporary folders so that it can be linked."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return Path(shutil.copy(shared_data / "videos" / "generic" / "part_0.mp4", path))


def ucf_name(item, layout, number):
    """Return where the layout keeps a video."""
    name = f"{item.video_id}.mp4"
    if layout == "flattened":
        return name
    part = part_of(item)
    if part.startswith("Training"):
        return f"Training-Normal-Videos-Part-{1 + number % 2}/{name}"
    if part.startswith("Testing"):
        return f"Testing_Normal_Videos_Anomaly/{name}"
    return f"{part}/{item.labels[0]}/{name}"


def plant(clip, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(clip, target)


@pytest.fixture
def ucf_tree(shared_data, tmp_path, clip):
    """Build a tree of UCF-Crime and return its root."""

    def build(layout="distributed"):
        root = tmp_path / layout
        lists = shared_data / "ucf"
        store = tmp_path / "store" if layout == "symlinked" else root
        probe = tmp_path / "probe"
        plant(clip, probe / "Abuse001_x264.mp4")
        for number, item in enumerate(base.load("ucf").discover(probe, lists)):
            target = store / ucf_name(item, layout, number)
            plant(clip, target)
            if layout == "symlinked":
                root.mkdir(exist_ok=True)
                (root / target.name).symlink_to(target)
            if layout == "distributed" and item.labels == ("Normal",) and number % 19 == 0:
                plant(clip, root / "Normal_Videos_for_Event_Recognition" / target.name)
        shutil.rmtree(probe)
        return root

    return build


def check(root, shared_data, dataset="ucf", **options):
    lists = shared_data / dataset
    return check_data(CheckDataRun(root=root, dataset=dataset, lists=lists, **options))


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout", ["distributed", "symlinked", pytest.param("flattened", marks=pytest.mark.long)]
)
def test_ucf_crime_is_whole_in_every_layout(ucf_tree, shared_data, layout, capsys):
    report = check(ucf_tree(layout), shared_data, rate=100)
    assert report.verdict == "go"
    assert report.readable == 1900
    assert report.frames == 1900 * 32
    assert report.work_seconds == 1900 * 32 / 100
    assert report.feature_bytes == 1900 * (2 * 10 * 512 * 2 + 32)
    assert sum(report.classes.values()) == 1900
    assert report.classes["train", "Normal"] == 800
    assert report.classes["test", "Shooting"] == 23
    assert len(report.inventory.copies) == (50 if layout == "distributed" else 0)
    assert not report.inventory.extra
    assert show_check_data(report) == 0
    assert "go: every listed video is there" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["parts", "flattened"])
@pytest.mark.long
def test_xd_violence_is_whole(tmp_path, shared_data, clip, layout):
    folders = ("1-1004", "1005-2004", "2005-2804", "2805-3319", "3320-3954")
    for number, name in enumerate((shared_data / "xd" / "train_videos.txt").read_text().split()):
        plant(clip, tmp_path / (folders[number % 5] if layout == "parts" else "") / f"{name}.mp4")
    for name in (shared_data / "xd" / "test_videos.txt").read_text().split():
        plant(clip, tmp_path / ("videos" if layout == "parts" else "") / f"{name}.mp4")
    report = check(tmp_path, shared_data, "xd")
    assert report.verdict == "go"
    assert report.readable == 4754
    assert Counter(i.split for i in report.inventory.items) == {"train": 3954, "test": 800}


@pytest.mark.slow
def test_each_defect_is_named(ucf_tree, shared_data, clip, capsys):
    root = ucf_tree()

    def path(name):
        return next(root.rglob(f"{name}.mp4"))

    path("Abuse001_x264").unlink()
    path("Arrest002_x264").unlink()
    path("Arrest003_x264").rename(root / "Arrest003_x264 (1).mp4")
    for name, content in {
        "Arson002_x264": b"",
        "Arson003_x264": b"this is no video",
        "Arson005_x264": clip.read_bytes()[:2000],
    }.items():
        target = path(name)
        target.unlink()
        target.write_bytes(content)
    sound = path("Arson006_x264")
    sound.unlink()
    shutil.copy(shared_data / "videos" / "hard" / "afconvert-aac-0.5s.mp4", sound)
    (root / "other").mkdir()
    (root / "other" / "Assault001_x264.mp4").write_bytes(clip.read_bytes() + b"more")
    shutil.rmtree(root / "Anomaly-Videos-Part-4")
    shutil.rmtree(root / "Anomaly-Videos-Part-2" / "Burglary")
    (root / "Anomaly-Videos-Part-4.zip").write_bytes(b"PK")
    (root / "Explosion001_x264.mp4.crdownload").write_bytes(b"half")
    gone = path("Explosion002_x264")
    gone.unlink()
    gone.symlink_to("/nowhere/Explosion002_x264.mp4")
    plant(clip, root / "holiday.mp4")

    report = check(root, shared_data)
    assert report.verdict == "some"
    assert show_check_data(report) == 3
    lines = "".join(capsys.readouterr().out.split())
    for said in (
        "Anomaly-Videos-Part-4: 200 of 200 missing, not unpacked",
        "Anomaly-Videos-Part-2: 101 of 200 missing, unpacked in part",
        "Anomaly-Videos-Part-4.zip",
        "Explosion001_x264.mp4.crdownload",
        "Abuse001_x264",
        "Arrest002_x264",
        "looks like it: 1",
        "Arrest003_x264 (1).mp4",
        "Arson002_x264.mp4",
        "Arson003_x264.mp4: not a video that FFmpeg can open",
        "Arson005_x264.mp4: not a video that FFmpeg can open",
        "Arson006_x264.mp4: there is no video stream",
        "different videos of one name, none is taken: 1",
        "other/Assault001_x264.mp4",
        "links that lead nowhere: 1",
        "holiday.mp4",
    ):
        assert "".join(said.split()) in lines, said
    lost = 200 + 101 + 3 + 4 + 1  # archives, absent or renamed, unreadable, ambiguous
    assert report.readable == 1900 - lost


def small_ucf(root, clip):
    (root / "Anomaly_Train.txt").write_text("Abuse/Abuse001_x264.mp4\nAbuse/Abuse002_x264.mp4\n")
    (root / "Anomaly_Test.txt").write_text("Abuse/Abuse003_x264.mp4\n")
    (root / "Temporal_Anomaly_Annotation.txt").write_text("Abuse003_x264 Abuse 3 9 -1 -1\n")
    plant(clip, root / "videos" / "Abuse001_x264.mp4")
    return root


def test_a_folder_without_lists_says_which_and_how(tmp_path, clip):
    plant(clip, tmp_path / "Abuse001_x264.mp4")
    with pytest.raises(StoreError, match=r"Temporal_Anomaly_Annotation\.txt is not in .*--lists"):
        check_data(CheckDataRun(root=tmp_path))
    with pytest.raises(StoreError, match=r"data set folder has no lists"):
        check_data(CheckDataRun(root=tmp_path, dataset="folder", lists=tmp_path))
    with pytest.raises(ValueError, match="above 0, got -3"):
        check_data(CheckDataRun(root=tmp_path, dataset="folder", rate=-3))


def test_a_folder_without_labels_can_be_checked(tmp_path, clip):
    plant(clip, tmp_path / "camera" / "night.mp4")
    report = check_data(CheckDataRun(root=tmp_path, dataset="folder"))
    assert (report.verdict, report.readable, report.classes) == ("go", 1, {})


def test_nothing_that_opens_is_no(tmp_path, clip, capsys):
    root = small_ucf(tmp_path, clip)
    (root / "videos" / "Abuse001_x264.mp4").unlink()
    (root / "videos" / "Abuse001_x264.mp4").write_text("no video")
    report = check_data(CheckDataRun(root=root))
    assert report.verdict == "no"
    assert show_check_data(report) == 2
    assert "not one video can be read" in capsys.readouterr().out
    with pytest.raises(StoreError, match=r"none of 3 videos below .* can be read; .*check-data"):
        extract(ExtractRun(dataset="ucf", root=root, out=tmp_path / "out", recipe="demo"))


def test_features_that_do_not_fit_the_disk_are_no(tmp_path, clip):
    report = check_data(CheckDataRun(root=small_ucf(tmp_path, clip)))
    assert report.verdict == "some"
    assert replace(report, free_bytes=report.feature_bytes - 1).verdict == "no"


@pytest.mark.ray
@pytest.mark.long
def test_an_extraction_says_first_what_it_will_leave_out(tmp_path, clip, capsys):
    run = ExtractRun(dataset="ucf", root=small_ucf(tmp_path, clip), recipe="demo")
    report = extract(replace(run, out=tmp_path / "out"))
    assert report.new == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 3 videos can be read" in said
    assert "2 cannot: python -m pipeline check-data --dataset ucf" in said
