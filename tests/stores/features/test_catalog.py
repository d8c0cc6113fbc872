from dataclasses import replace

import numpy as np
import pytest

from stores.features.catalog import drop_outdated, open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import read_segments, read_times, shard_name, write_shard
from stores.records import Content, Failure, StoreError, VideoItem

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


def segments_in(folder):
    return {key: read_segments(video) for key, video in open_catalog(folder).videos.items()}


def test_of_two_generations_the_later_counts_from_its_commit_on(tmp_path, make_features):
    old = {name: make_features(name) for name in "abc"}
    content = Content(7, 1, "whole:7")
    new = replace(make_features("b", segments=3), content=content)
    write_shard(tmp_path, RECIPE, list(old.values()))
    write_shard(tmp_path, RECIPE, [new], [], 1)
    catalog = open_catalog(tmp_path)
    assert catalog.generation == 1
    assert catalog.videos["b"].content == content
    assert [path.name for path in catalog.outdated] == [shard_name(RECIPE, 0, "abc")]
    before = segments_in(tmp_path)
    np.testing.assert_array_equal(before["b"], new.segments)
    drop_outdated(catalog)
    assert {path.name for path in tmp_path.iterdir()} == {
        shard_name(RECIPE, 0, "ac"),
        shard_name(RECIPE, 1, "b"),
    }
    after = open_catalog(tmp_path)
    assert after.outdated == ()
    for name in "ac":
        np.testing.assert_array_equal(read_segments(after.videos[name]), old[name].segments)
        np.testing.assert_array_equal(read_times(after.videos[name]), old[name].times)
        assert after.videos[name].audit == old[name].audit


def test_a_later_failure_takes_the_earlier_features_away(tmp_path, make_features):
    """The file is another one now, and cannot be read: what was made of the old one is not it."""
    failure = Failure(VideoItem("a", "a"), "no picture")
    write_shard(tmp_path, RECIPE, [make_features("a")])
    write_shard(tmp_path, RECIPE, [], [failure], 1)
    catalog = open_catalog(tmp_path)
    assert (catalog.videos, catalog.failures) == ({}, {"a": failure})
    drop_outdated(catalog)
    assert open_catalog(tmp_path) == replace(catalog, outdated=())
    assert len(list(tmp_path.iterdir())) == 1


def test_dropping_that_was_killed_half_way_is_taken_up(tmp_path, make_features):
    write_shard(tmp_path, RECIPE, [make_features("a"), make_features("b")])
    write_shard(tmp_path, RECIPE, [make_features("b", segments=3)], [], 1)
    (old,) = open_catalog(tmp_path).outdated
    whole = old.read_bytes()
    drop_outdated(open_catalog(tmp_path))
    expected = segments_in(tmp_path)
    old.write_bytes(whole)  # killed before it was removed
    catalog = open_catalog(tmp_path)
    drop_outdated(catalog)
    assert not open_catalog(tmp_path).outdated
    assert len(list(tmp_path.iterdir())) == 2
    assert segments_in(tmp_path).keys() == expected.keys() == {"a", "b"}
    np.testing.assert_array_equal(segments_in(tmp_path)["b"], expected["b"])
