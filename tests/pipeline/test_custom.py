"""Somebody's own classes, from real clips to figures and scores."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from extract.header import read_header
from extract.recipe import RecipeOptions
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.extract import ExtractRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.extract import extract
from pipeline.stages.score import score
from pipeline.stages.train import train
from stores.datasets import base
from stores.datasets.custom.dataset import WHOLE, read_dataset
from stores.features.feature_set import open_features, videos_of
from stores.records import StoreError

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def fights(shared_data, tmp_path_factory) -> Path:
    """OUT with the features of 48 real clips of a folder of two class folders."""
    out = tmp_path_factory.mktemp("fights")
    report = extract(run_of(shared_data / "fights", out))
    assert (report.new, report.failures) == (48, ())
    return out


def run_of(root, out, **more):
    demo = RecipeOptions("demo")
    return ExtractRun(dataset="custom", root=root, name="fights", out=out, recipe=demo, **more)


def test_clips_of_one_recording_are_in_one_split_and_truth_ends_with_its_video(fights):
    dataset = read_dataset(fights / "fights" / "features")
    assert dataset is not None
    assert (dataset.name, dataset.classes) == ("fights", ("noFight", "fight"))
    catalog = open_features(fights / "fights" / "features", dataset)
    train_videos, test_videos = videos_of(catalog, "train"), videos_of(catalog, "test")
    assert {Path(v.item.video_id).stem[-3:] for v in test_videos} == {"121", "122", "123", "124"}
    assert not {v.item.group for v in train_videos} & {v.item.group for v in test_videos}
    assert {e.end for v in test_videos for e in v.item.events or ()} == {WHOLE}


@pytest.mark.long
def test_it_trains_evaluates_and_scores(fights, shared_data, tmp_path):
    trained = train(TrainRun(dataset="fights", out=fights, epochs=2))
    report = evaluate(EvaluateRun(out=fights, checkpoint=trained.folder))
    assert report.dataset == "fights"
    frames = pq.read_table(report.folder / "scores")
    test = list((shared_data / "fights").rglob("*12[1-4].mp4"))
    assert len(frames) == report.frames == sum(read_header(str(p)).frames for p in test)
    assert "p_fight" in frames.column_names
    told = json.loads((report.folder / "metrics.json").read_text())
    assert told["classes"] == ["noFight", "fight"]
    assert sum(map(sum, told["confusion"])) == 8
    clip = shared_data / "fights" / "fight" / "fi001.mp4"
    scored = score(ScoreRun(videos=clip, checkpoint=trained.folder, out=tmp_path / "scores"))
    assert [video.frames for video in scored.videos] == [read_header(str(clip)).frames]


def test_a_list_that_changed_changes_the_split_without_reading_videos(
    fights, shared_data, tmp_path
):
    lists = tmp_path / "dataset.yaml"
    lists.write_text("test_share: 0.5\n")
    report = extract(run_of(shared_data / "fights", fights, lists=lists))
    assert (report.new, report.already) == (0, 48)
    dataset = read_dataset(fights / "fights" / "features")
    assert dataset is not None
    assert len(videos_of(open_features(fights / "fights" / "features", dataset), "test")) in range(
        18, 31
    )


def test_a_name_for_another_data_set_is_refused(shared_data, tmp_path):
    with pytest.raises(StoreError, match="--name is for data set custom, got it for folder"):
        extract(ExtractRun(dataset="folder", root=shared_data / "fights", name="x", out=tmp_path))
    assert base.load("custom").describe is not None
