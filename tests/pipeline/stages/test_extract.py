import os
from dataclasses import replace

import numpy as np
import pytest

from extract.encoder import load_encoder
from extract.features import extract_video
from extract.recipe import RECIPES, RecipeOptions, recipe_from_json
from extract.video import read_chunks
from pipeline.commands.extract import ExtractRun
from pipeline.options import ReadOptions
from pipeline.stages.extract import extract
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.shards import read_segments, read_times
from stores.records import StoreError

SYNTHETIC = base.load("synthetic")


@pytest.mark.ray
def test_features_are_those_of_a_plain_loop_for_every_codec(extracted, footage):
    catalog = open_catalog(extracted / "synthetic" / "features")
    items = SYNTHETIC.discover(footage)
    assert set(catalog.videos) == {item.video_id for item in items}
    recipe = recipe_from_json(catalog.recipe.text, catalog.folder)
    encoder = load_encoder(recipe, "", "cpu")
    for item in items:
        entry = catalog.videos[item.video_id]
        assert entry.item == item
        plain = extract_video(item, read_chunks(item.path, recipe), encoder, recipe, batch=64)
        np.testing.assert_allclose(
            read_segments(entry).astype(np.float32), plain.segments.astype(np.float32), atol=2e-2
        )
        np.testing.assert_array_equal(read_times(entry), plain.times)


@pytest.mark.ray
def test_a_second_run_has_nothing_to_do_and_changes_no_byte(extracted, footage):
    folder = extracted / "synthetic" / "features"
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.glob("shard-*.h5")}
    report = extract(ExtractRun(root=footage, out=extracted, videos_per_shard=4))
    assert (report.new, report.already, report.frames) == (0, 14, 0)
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.glob("shard-*.h5")}
    assert before == after


@pytest.mark.ray
def test_bad_files_are_rows_and_are_tried_again_only_when_asked(footage, tmp_path):
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    good = sorted(footage.rglob("*.mp4"))[0]
    os.link(good, videos / "good.mp4")
    (videos / "text.mp4").write_text("no video")
    (videos / "empty.avi").touch()
    run = ExtractRun(dataset="folder", root=videos, out=out, recipe=RecipeOptions("demo"))
    first = extract(run)
    assert first.new == 1
    assert {f.item.video_id for f in first.failures} == {"text.mp4", "empty.avi"}
    again = extract(run)
    assert (again.new, again.already, len(again.failures)) == (0, 1, 2)
    (videos / "text.mp4").unlink()
    os.link(good, videos / "text.mp4")
    retried = extract(replace(run, reading=ReadOptions(retry_failed=True)))
    assert (retried.new, [f.item.video_id for f in retried.failures]) == (1, ["empty.avi"])
    catalog = open_catalog(out / "folder" / "features")
    assert set(catalog.videos) == {"good.mp4", "text.mp4"}
    assert set(catalog.failures) == {"empty.avi"}


@pytest.mark.ray
@pytest.mark.long
def test_a_listed_video_that_is_not_there_is_a_failure_of_its_own(tmp_path, footage, monkeypatch):
    (tmp_path / "Anomaly_Train.txt").write_text("Abuse/Abuse001_x264.mp4\n")
    (tmp_path / "Anomaly_Test.txt").write_text("Abuse/Abuse002_x264.mp4\n")
    (tmp_path / "Temporal_Anomaly_Annotation.txt").write_text("Abuse002_x264 Abuse 3 9 -1 -1\n")
    os.link(sorted(footage.rglob("*.mp4"))[0], tmp_path / "Abuse002_x264.mp4")
    run = ExtractRun(
        dataset="ucf", root=tmp_path, out=tmp_path / "out", recipe=RecipeOptions("demo")
    )
    report = extract(run)
    assert report.new == 1
    (failure,) = report.failures
    assert failure.item.video_id == "Abuse001_x264"
    assert "no file of that name" in failure.reason


@pytest.mark.ray
def test_another_recipe_in_the_same_folder_is_refused_by_its_fields(extracted, footage):
    with pytest.raises(StoreError, match=r"frames: 'first' != 'middle'"):
        extract(ExtractRun(root=footage, out=extracted, recipe=RecipeOptions(frames="first")))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (
            ExtractRun(recipe=RecipeOptions("vadclop")),
            r"unknown recipe 'vadclop'; there are centre, demo",
        ),
        (ExtractRun(recipe=RecipeOptions("demo", crops="ten")), "ten crops are cut from 340x256"),
        (
            ExtractRun(recipe=RecipeOptions("centre", clip="ViT-B-99")),
            "unknown CLIP model 'ViT-B-99'",
        ),
        (ExtractRun(dataset="ufc"), "unknown data set 'ufc'"),
        (ExtractRun(dataset="ucf"), "data set ucf needs ROOT"),
        (ExtractRun(dataset="ucf", root=base.Path("/no/root")), "no such folder: /no/root"),
    ],
)
def test_mistakes_are_named_before_anything_starts(run, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        extract(replace(run, out=tmp_path))
    assert not list(tmp_path.iterdir())  # no video was generated either


def test_recipes_of_all_data_sets_exist():
    assert {base.load(name).recipe for name in base.names()} <= set(RECIPES)
