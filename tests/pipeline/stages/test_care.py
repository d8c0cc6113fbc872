import os
from dataclasses import replace

import pytest

from extract.recipe import RECIPES
from pipeline.settings import FailuresRun, VerifyRun
from pipeline.stages.care import list_failures, verify
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import Failure, StoreError, VideoItem


@pytest.fixture
def outputs(tmp_path, make_features):
    recipe = RECIPES["demo"]
    partial = make_features("part")
    partial = replace(partial, audit=replace(partial.audit, partial=True, note="ends at 9"))
    write_shard(
        tmp_path / "synthetic" / "features",
        ShardRecipe(recipe.to_json(), recipe.fingerprint),
        [partial],
        [Failure(VideoItem("gone", ""), "no file of that name")],
    )
    train = tmp_path / "synthetic" / "train"
    train.mkdir()
    (train / "checkpoint.safetensors").write_bytes(os.urandom(99))
    return tmp_path


def test_verify_names_what_is_damaged_and_repair_sets_it_aside(outputs):
    report = verify(VerifyRun(outputs))
    assert report.checked == 2
    (damaged,) = report.damaged
    assert "no DSANet checkpoint" in damaged.reason
    repaired = verify(VerifyRun(outputs, repair=True))
    assert [path.parent.name for path in repaired.moved] == ["damaged"]
    assert verify(VerifyRun(outputs)).damaged == ()


def test_failures_and_partial_videos_are_listed_with_reasons(outputs):
    rows = list_failures(FailuresRun(outputs))
    assert [(row.video_id, row.status, row.reason) for row in rows] == [
        ("gone", "failed", "no file of that name"),
        ("part", "partial", "decoding ended early: ends at 9"),
    ]


def test_folders_without_outputs_are_refused(tmp_path):
    with pytest.raises(StoreError, match="no features, scores or checkpoints below"):
        verify(VerifyRun(tmp_path))
    with pytest.raises(StoreError, match="no such folder"):
        list_failures(FailuresRun(tmp_path / "gone"))
