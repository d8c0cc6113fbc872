import os
import shutil

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
    assert "is damaged or no checkpoint" in damaged.reason
    repaired = verify(VerifyRun(outputs, repair=True))
    assert [path.parent.name for path in repaired.moved] == ["damaged"]
    assert verify(VerifyRun(outputs)).damaged == ()


def test_a_folder_without_outputs_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no features, scores or checkpoints below"):
        verify(VerifyRun(tmp_path))


def test_a_description_of_another_checkpoint_is_named(tmp_path, checkpoint):
    shutil.copytree(checkpoint, tmp_path / "train")
    path = tmp_path / "train" / "checkpoint.json"
    assert verify(VerifyRun(tmp_path)).damaged == ()
    path.write_text(path.read_text().replace('"head": "dsanet"', '"head": "other"'))
    (damaged,) = verify(VerifyRun(tmp_path)).damaged
    assert damaged.files == (path,)
    assert damaged.reason == f"{path}: head is other, and dsanet in checkpoint.safetensors"
