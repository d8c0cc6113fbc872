import json
import os
from pathlib import Path

import pytest

from pipeline.commands.verify import VerifyRun
from pipeline.outputs import Outputs, default_scores, settings_file, write_settings
from stores.records import StoreError


def touch(path, time):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time, time))


def test_the_newest_of_each_kind_is_found_in_its_folder(tmp_path):
    outputs = Outputs(tmp_path)
    for dataset, time in (("ucf", 1), ("xd", 2)):
        touch(outputs.features(dataset) / "shard-a.h5", time)
        touch(outputs.checkpoint(dataset) / "checkpoint.safetensors", time)
        touch(outputs.evaluation(dataset) / "videos" / "part-a.parquet", time)
    assert outputs.datasets() == ["ucf", "xd"]
    assert outputs.latest_dataset() == "xd"
    assert outputs.latest_checkpoint() == outputs.checkpoint("xd")
    assert outputs.latest_scores() == outputs.evaluation("xd")
    touch(outputs.checkpoint("ucf", "imported") / "checkpoint.safetensors", 3)
    touch(outputs.ablation("ucf", "dsanet") / "all-seed1" / "checkpoint.safetensors", 5)
    touch(outputs.comparison("ucf") / "dsanet-seed1" / "checkpoint.safetensors", 5)
    touch(outputs.scores("cameras") / "videos" / "part-b.parquet", 3)
    assert outputs.latest_checkpoint() == outputs.checkpoint("ucf", "imported")
    assert outputs.latest_scores() == outputs.scores("cameras")
    touch(outputs.checkpoint("xd", "vadclip") / "checkpoint.safetensors", 4)
    assert outputs.latest_checkpoint() == outputs.checkpoint("xd", "vadclip")


def test_an_evaluation_of_another_data_sets_model_has_a_folder_of_its_own(tmp_path):
    outputs = Outputs(tmp_path)
    other = outputs.evaluation("xd", "ucf")
    assert other != outputs.evaluation("xd")
    assert outputs.is_evaluation(other)
    assert outputs.is_evaluation(outputs.evaluation("xd"))
    assert not outputs.is_evaluation(outputs.scores("cameras"))
    touch(other / "videos" / "part-a.parquet", 1)
    assert outputs.latest_scores() == other


def test_where_there_is_none_the_command_that_makes_one_is_named(tmp_path):
    outputs = Outputs(tmp_path)
    with pytest.raises(StoreError, match="no features below .*; run `make extract"):
        outputs.latest_dataset()
    with pytest.raises(StoreError, match="no checkpoint below .*; run `make train`"):
        outputs.latest_checkpoint()
    with pytest.raises(StoreError, match="no scores below .*; run `make score`"):
        outputs.latest_scores()


def test_scores_go_to_a_folder_named_for_the_videos(tmp_path, monkeypatch):
    (tmp_path / "cameras").mkdir()
    monkeypatch.chdir(tmp_path / "cameras")
    for videos in (Path("/data/cameras"), Path(), Path("../cameras")):
        assert default_scores(videos) == Path("outputs/scores/cameras")
    assert default_scores(Path("/")) == Path("outputs/scores/root")


def test_settings_lie_beside_the_output_as_json(tmp_path):
    write_settings(tmp_path, "verify", VerifyRun(tmp_path, repair=True))
    content = json.loads(settings_file(tmp_path, "verify").read_text())
    assert content == {"folder": str(tmp_path), "repair": True}
