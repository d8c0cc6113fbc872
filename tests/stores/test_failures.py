from dataclasses import replace

import pytest

from stores.failures import list_failures
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import Failure, StoreError, VideoItem


def test_failures_and_videos_unlike_their_announcement_are_listed_with_reasons(
    tmp_path, make_features
):
    partial, other = make_features("part"), make_features("short")
    partial = replace(partial, audit=replace(partial.audit, partial=True, note="ends at 9"))
    other = replace(other, audit=replace(other.audit, duplicate_frames=3))
    failure = Failure(VideoItem("gone", ""), "no file of that name")
    folder = tmp_path / "synthetic" / "features"
    write_shard(folder, ShardRecipe("{}", "f"), [partial, other], [failure])
    rows = list_failures(tmp_path)
    assert [(row.video_id, row.status, row.reason) for row in rows] == [
        ("gone", "failed", "no file of that name"),
        ("part", "partial", "decoding ended early: ends at 9"),
        ("short", "mismatch", "3 frames at the end repeated the one before: cut"),
    ]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        list_failures(tmp_path / "gone")
