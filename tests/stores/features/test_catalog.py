import pytest

from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import Failure, StoreError, VideoItem

RECIPE = ShardRecipe('{"name": "one"}', "1" * 16)


def test_an_absent_folder_is_an_empty_catalog(tmp_path):
    catalog = open_catalog(tmp_path / "nothing")
    assert (catalog.recipe, catalog.videos, catalog.failures) == (None, {}, {})


def test_what_is_done_and_what_failed_is_found_from_the_shards(tmp_path, make_features):
    failure = Failure(VideoItem("c", "c"), "no video stream")
    write_shard(tmp_path, RECIPE, [make_features("a")])
    write_shard(tmp_path, RECIPE, [make_features("b")], [failure])
    (tmp_path / "notes.txt").write_text("a stray file is no shard")
    catalog = open_catalog(tmp_path)
    assert set(catalog.videos) == {"a", "b"}
    assert catalog.failures == {"c": failure}
    assert catalog.failed([VideoItem("a", "a"), failure.item]) == [failure]


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_a_video_that_was_read_in_the_end_is_no_failure(tmp_path, make_features, ids):
    good, other = ids
    write_shard(tmp_path, RECIPE, [], [Failure(VideoItem(good, good), "timed out")])
    write_shard(tmp_path, RECIPE, [make_features(good), make_features(other)])
    catalog = open_catalog(tmp_path)
    assert set(catalog.videos) == {"a", "b"}
    assert catalog.failures == {}


def test_two_recipes_in_one_folder_are_an_error_that_shows_both(tmp_path, make_features):
    write_shard(tmp_path, RECIPE, [make_features("a")])
    write_shard(tmp_path, ShardRecipe('{"name": "two"}', "2" * 16), [make_features("b")])
    with pytest.raises(StoreError, match=r"two recipes in one folder.*(one|two).*(one|two)"):
        open_catalog(tmp_path)
