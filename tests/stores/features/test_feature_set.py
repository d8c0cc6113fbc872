from dataclasses import replace

import numpy as np
import pytest

from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.feature_set import (
    Coverage,
    check_test,
    coverage_of,
    open_features,
    read_videos,
)
from stores.features.manifest import write_manifest
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import DecodeAudit, Event, Failure, StoreError

RECIPE = ShardRecipe("{}", "0")
DATASET = replace(base.load("synthetic"), classes=("normal", "a"))
TRUTH = {"split": "test", "labels": ("a",), "events": (Event(3, 9, "a"),)}


def catalog(folder, *videos):
    write_shard(folder, RECIPE, videos)
    return open_catalog(folder)


def test_a_test_split_that_fits_passes(tmp_path, make_features):
    good = make_features("good", **TRUTH)
    write_manifest(tmp_path, [good.item])
    check_test(catalog(tmp_path, good))


def test_a_listed_video_that_was_never_read_is_named(tmp_path, make_features):
    good = make_features("good", **TRUTH)
    write_manifest(tmp_path, [good.item, replace(good.item, video_id="unread")])
    with pytest.raises(StoreError, match="unread of the test split have no features yet"):
        check_test(catalog(tmp_path, good))


def test_truth_that_is_not_the_videos_is_named(tmp_path, make_features):
    short = make_features("short", **{**TRUTH, "events": (Event(77, 90, "a"),)})
    with pytest.raises(StoreError, match=r"short \(event at frame 77 of 77\)"):
        check_test(catalog(tmp_path, short))


def test_no_truth_and_lengths_that_disagree_are_named(tmp_path, make_features):
    with pytest.raises(StoreError, match="without frame truth: untold"):
        check_test(catalog(tmp_path / "a", make_features("untold", split="test")))
    good = make_features("cut", segments=9, **TRUTH)
    cut = replace(good, segments=good.segments[:, :4])
    with pytest.raises(StoreError, match=r"cut \(4 segments, 141 frames\)"):
        check_test(catalog(tmp_path / "b", cut))


def test_the_last_list_says_what_a_video_is_and_whether_it_counts(tmp_path, make_features):
    folder = tmp_path / "synthetic" / "features"
    first, second = make_features("first", **TRUTH), make_features("second", **TRUTH)
    failed = Failure(replace(first.item, video_id="failed", split="train"), "no picture")
    write_shard(folder, RECIPE, [first, second], [failed])
    corrected = replace(first.item, split="train", events=None, group="cam1")
    write_manifest(folder, [corrected, replace(failed.item, split="test")])
    found = open_features(folder, DATASET)
    assert {name: video.item for name, video in found.videos.items()} == {"first": corrected}
    assert found.failures["failed"].item.split == "test"


def test_events_end_with_their_video(tmp_path, make_features):
    long = make_features("long", **{**TRUTH, "events": (Event(70, 2**31 - 1, "a"),)})
    (read,) = read_videos(catalog(tmp_path, long).videos.values())
    assert read.item.events == (Event(70, 77, "a"),)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"labels": ("b",)}, "first is of 'b'; the classes of synthetic are normal, a"),
        ({"labels": ("a", "a\u0301")}, "first is of 'a\u0301'"),
        ({"events": (Event(3, 9, "b"),)}, "first is of 'b'"),
        ({"labels": ()}, "first is of no class"),
        ({"split": "train", "events": None, "labels": ("b",)}, "first is of 'b'"),
    ],
)
def test_a_label_that_is_no_class_is_named_with_its_video(tmp_path, make_features, fields, told):
    first = make_features("first", **TRUTH)
    write_shard(tmp_path, RECIPE, [first])
    write_manifest(tmp_path, [replace(first.item, **fields)])
    with pytest.raises(StoreError, match=told):
        open_features(tmp_path, DATASET)


def test_figures_know_of_how_many_listed_videos_they_are(tmp_path, make_features):
    good = make_features("good", **TRUTH)
    gone = replace(good.item, video_id="gone")
    train = replace(good.item, video_id="train", split="train", events=None)
    write_shard(tmp_path, RECIPE, [good], [Failure(gone, "gone"), Failure(train, "gone")])
    found = coverage_of(open_catalog(tmp_path))
    assert found == Coverage(1, 2)
    assert (found.is_partial, str(found)) == (True, "1 of 2 test videos")
    assert str(Coverage(290, 290)) == "290 test videos"
    assert str(Coverage(19, 290)) == "19 of 290 test videos"


def test_truth_in_seconds_becomes_frames_by_the_times_of_each_video(tmp_path, make_features):
    events = (Event(100, 300, "a", "milliseconds"),)
    timed = make_features("timed", split="test", labels=("a",), events=events)
    late = replace(timed, item=replace(timed.item, video_id="late"), times=timed.times + 0.2)
    write_shard(tmp_path, RECIPE, [timed, late])
    write_manifest(tmp_path, [timed.item, late.item])
    found = open_features(tmp_path, DATASET).videos
    for video in (timed, late):
        (event,) = found[video.item.video_id].item.events
        inside = (video.times >= 0.1 - 1e-6) & (video.times < 0.3 - 1e-6)
        assert (event.start, event.end) == (inside.argmax(), inside.argmax() + inside.sum())
        assert event.unit == "frames"
    beyond = replace(timed.item, events=(Event(99_000, 99_500, "a", "milliseconds"),))
    write_manifest(tmp_path, [beyond, late.item])
    with pytest.raises(StoreError, match=r"truth and video do not belong together: timed \(event"):
        check_test(open_features(tmp_path, DATASET))


def test_truth_of_a_folder_of_images_counts_those_that_were_lost(tmp_path, make_features):
    """Frames 3 to 8 are anomalous; 5 and 70 could not be read."""
    whole = make_features("whole", **TRUTH)
    frames = whole.frames
    lacking = replace(
        whole,
        item=replace(whole.item, video_id="lacking"),
        times=np.delete(whole.times, [5, 70]),
        audit=DecodeAudit("images", frames, frames - 2, frames / 25, lost_frames=2),
    )
    write_shard(tmp_path, RECIPE, [whole, lacking])
    found = open_features(tmp_path, DATASET).videos
    assert found["whole"].item.events == (Event(3, 9, "a"),)
    assert found["lacking"].item.events == (Event(3, 8, "a"),)
    late = replace(lacking.item, events=(Event(70, 71, "a"), Event(frames, frames + 9, "a")))
    write_manifest(tmp_path, [whole.item, late])
    (beyond,) = open_features(tmp_path, DATASET).videos["lacking"].item.events
    assert beyond.start == frames - 2
