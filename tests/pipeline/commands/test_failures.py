from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import Failure, VideoItem


def test_every_failure_is_one_line_with_its_reason(call, tmp_path, make_features, capsys):
    failure = Failure(VideoItem("gone", ""), "no file\nof that name")
    write_shard(tmp_path, ShardRecipe("{}", "f"), [make_features()], [failure])
    assert call("failures", tmp_path) == 0
    row, count = capsys.readouterr().out.splitlines()
    assert row.startswith(f"failed: {tmp_path}: gone: no file")
    assert count == "failed, read in part or not as announced: 1 video"
