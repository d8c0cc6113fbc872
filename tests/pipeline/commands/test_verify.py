import os

from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard


def test_damage_is_named_and_a_repair_says_what_to_do(call, tmp_path, make_features, capsys):
    write_shard(tmp_path / "features", ShardRecipe("{}", "f"), [make_features()])
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "checkpoint.safetensors").write_bytes(os.urandom(99))
    assert call("verify", tmp_path) == 3
    damaged, whole = capsys.readouterr().out.splitlines()
    assert damaged.startswith("damaged: ")
    assert whole == "1 of 2 shards, parts and checkpoints are whole"
    assert call("verify", tmp_path, "--repair") == 0
    out = capsys.readouterr().out
    assert f"set aside: {tmp_path / 'train' / 'damaged'}" in out
    assert "run the same extract, score or train again" in out
    assert call("verify", tmp_path) == 0
