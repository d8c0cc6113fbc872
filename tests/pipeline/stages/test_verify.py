import os

import pytest

from pipeline.commands.verify import VerifyRun
from pipeline.stages.verify import verify
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import StoreError


@pytest.fixture
def outputs(tmp_path, make_features):
    features = tmp_path / "synthetic" / "features"
    write_shard(features, ShardRecipe("{}", "f"), [make_features("a")])
    train = tmp_path / "synthetic" / "train"
    train.mkdir()
    (train / "checkpoint.safetensors").write_bytes(os.urandom(99))
    return tmp_path


def test_verify_names_what_is_damaged_and_repair_sets_it_aside(outputs):
    report = verify(VerifyRun(outputs))
    assert report.checked == 2
    (damaged,) = report.damaged
    assert "no checkpoint of this version" in damaged.reason
    repaired = verify(VerifyRun(outputs, repair=True))
    assert [path.parent.name for path in repaired.moved] == ["damaged"]
    assert verify(VerifyRun(outputs)).damaged == ()


def test_a_folder_without_outputs_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no features, scores or checkpoints below"):
        verify(VerifyRun(tmp_path))
