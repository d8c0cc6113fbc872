"""The check of both published data sets: every real name as a short real video, in every layout."""

import logging
import os
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image

from extract.recipe import RecipeOptions
from pipeline.commands.check_data import CheckDataRun
from pipeline.commands.extract import ExtractRun
from pipeline.stages.extract import extract
from pipeline.stages.preflight import check_data
from stores.records import StoreError

pytestmark = pytest.mark.data


def check(root, shared_data, dataset="ucf", **options):
    lists = shared_data / dataset
    return check_data(CheckDataRun(root=root, dataset=dataset, lists=lists, **options))


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout", ["distributed", "symlinked", pytest.param("flattened", marks=pytest.mark.long)]
)
def test_ucf_crime_is_whole_in_every_layout(ucf_tree, shared_data, layout):
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


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["parts", "flattened"])
@pytest.mark.long
def test_xd_violence_is_whole(tmp_path, shared_data, plant, layout):
    folders = ("1-1004", "1005-2004", "2005-2804", "2805-3319", "3320-3954")
    for number, name in enumerate((shared_data / "xd" / "train_videos.txt").read_text().split()):
        plant(tmp_path / (folders[number % 5] if layout == "parts" else "") / f"{name}.mp4")
    for name in (shared_data / "xd" / "test_videos.txt").read_text().split():
        plant(tmp_path / ("videos" if layout == "parts" else "") / f"{name}.mp4")
    report = check(tmp_path, shared_data, "xd")
    assert report.verdict == "go"
    assert report.readable == 4754
    assert Counter(i.split for i in report.inventory.items) == {"train": 3954, "test": 800}


@pytest.mark.slow
def test_msad_is_whole_and_lengths_unlike_its_lists_are_named(tmp_path, shared_data, plant):
    lists = shared_data / "msad"
    for file in ("msad-i3d.list", "msad-i3d-test.list"):
        for line in (lists / file).read_text().split():
            plant(
                tmp_path / "MSAD_blur" / f"{line.rpartition('/')[2].removesuffix('_i3d.npy')}.mp4"
            )
    report = check(tmp_path, shared_data, "msad")
    assert (report.verdict, report.readable) == ("go", 720)
    assert Counter(i.split for i in report.inventory.items) == {"train": 480, "test": 240}
    assert report.classes["train", "Normal"] == 360
    assert report.classes["test", "People_falling"] == 22
    assert not report.inventory.extra
    # Each is the same clip of 32 frames here.
    lengths = [line.split()[1] for line in (lists / "MSAD_test.txt").read_text().splitlines()]
    assert len(report.unlike) == sum(not 30 <= int(each) + 15 < 50 for each in lengths) > 200
    assert "Assault_2: 32 frames, published as MSAD_test.txt 224 to 239" in report.unlike


@pytest.fixture
def plant_images(tmp_path):
    """Put a folder of links to real images somewhere."""
    store = tmp_path / "store"
    store.mkdir()
    for number in range(16):
        Image.new("RGB", (64, 48), (number,) * 3).save(store / f"{number}.jpg")

    def put(folder, form="{}.jpg", count=16):
        folder.mkdir(parents=True)
        for number in range(count):
            os.link(store / f"{number}.jpg", folder / form.format(number))

    return put


@pytest.mark.slow
def test_shanghaitech_is_whole_with_films_and_folders(tmp_path, shared_data, plant, plant_images):
    root = tmp_path / "root"
    for file in ("SH_Train.txt", "SH_Test.txt"):
        for name in (shared_data / "sht" / file).read_text().split():
            if len(name) == 7:
                plant_images(root / "testing" / "frames" / name, "{:03d}.jpg")
            else:
                plant(root / "training" / "videos" / f"{name}.avi")
    report = check(root, shared_data, "sht")
    assert (report.verdict, report.readable) == ("go", 437)
    assert report.frames == 107 * 16 + 330 * 32
    assert report.seconds == pytest.approx(107 * 16 / 24 + 330 * 32 / 30, rel=0.01)
    assert report.classes == {
        ("train", "Normal"): 175,
        ("train", "Abnormal"): 63,
        ("test", "Normal"): 155,
        ("test", "Abnormal"): 44,
    }
    assert not report.inventory.extra
    said = "05_015: 32 frames, published as SHANGHAI_train.txt 1,098, Joint-VAD 1,418"
    assert said in report.unlike
    assert "01_0015: 16 frames, published as test_frame_mask 433, SHANGHAI_test.txt 433" in (
        report.unlike
    )


@pytest.mark.slow
def test_tad_is_whole_as_folders_that_are_named_like_files(tmp_path, shared_data, plant_images):
    for file in ("TAD_train.txt", "TAD_test.txt"):
        for line in (shared_data / "tad" / file).read_text().splitlines():
            plant_images(tmp_path / "root" / line.split()[0], count=12)
    plant_images(tmp_path / "root" / "frames" / "normal" / "Normal_043.mp4", count=3)
    report = check(tmp_path / "root", shared_data, "tad")
    assert (report.verdict, report.readable, report.frames) == ("go", 500, 500 * 12)
    assert Counter(i.split for i in report.inventory.items) == {"train": 400, "test": 100}
    assert report.classes["test", "PedestrianOnRoad"] == 12
    assert [path.name for path in report.inventory.extra] == ["Normal_043.mp4"]
    assert "LaGoVAD" in report.note


def test_a_folder_without_lists_says_which_and_how(tmp_path, plant):
    plant(tmp_path / "Abuse001_x264.mp4")
    with pytest.raises(StoreError, match=r"Temporal_Anomaly_Annotation\.txt is not in .*--lists"):
        check_data(CheckDataRun(root=tmp_path))
    with pytest.raises(StoreError, match=r"data set folder has no lists"):
        check_data(CheckDataRun(root=tmp_path, dataset="folder", lists=tmp_path))


def test_a_folder_without_labels_can_be_checked(tmp_path, plant):
    plant(tmp_path / "camera" / "night.mp4")
    report = check_data(CheckDataRun(root=tmp_path, dataset="folder"))
    assert (report.verdict, report.readable, report.classes) == ("go", 1, {})


def test_nothing_that_opens_is_no(small_ucf, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    root = small_ucf
    (root / "videos" / "Abuse001_x264.mp4").unlink()
    (root / "videos" / "Abuse001_x264.mp4").write_text("no video")
    report = check_data(CheckDataRun(root=root))
    assert report.verdict == "no"
    with pytest.raises(StoreError, match=r"none of 3 videos below .* can be read; .*check-data"):
        extract(ExtractRun("ucf", root, out=tmp_path / "out", recipe=RecipeOptions("demo")))
    assert "check:" not in caplog.text, "the error says it all"


def test_features_that_do_not_fit_the_disk_are_no(small_ucf):
    report = check_data(CheckDataRun(root=small_ucf))
    assert report.verdict == "some"
    assert replace(report, free_bytes=report.feature_bytes - 1).verdict == "no"


@pytest.mark.ray
@pytest.mark.long
def test_an_extraction_says_first_what_it_will_leave_out(small_ucf, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run = ExtractRun("ucf", small_ucf, out=tmp_path / "out", recipe=RecipeOptions("demo"))
    assert extract(run).new == 1
    said = caplog.text
    assert "1 of 3 videos can be read" in said
    assert "2 cannot: python -m pipeline check-data --dataset ucf" in said
