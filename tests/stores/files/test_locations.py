from pathlib import Path

import fsspec
import numpy as np
import pytest

from stores.datasets.base import load
from stores.datasets.inventory import take_inventory
from stores.features.catalog import open_catalog
from stores.features.manifest import read_manifest, write_manifest
from stores.features.shard_index import ShardRecipe
from stores.features.shards import check_shard, read_segments, write_shard
from stores.files.commit import commit_text, exclusive
from stores.files.locations import (
    find_files,
    is_remote,
    is_url,
    local_copy,
    local_folder,
    location,
    reachable,
    size_of,
)
from stores.files.scan import find_videos, walk
from stores.records import StoreError


@pytest.fixture
def memory():
    """A folder of fsspec's in-memory file system, empty."""
    fsspec.filesystem("memory").rm("/", recursive=True)
    return location("memory://bucket/outputs")


def test_urls_and_paths_are_told_apart():
    assert is_url("s3://bucket/a b#1.mp4")
    assert not any(map(is_url, ("/a/b", "C:/videos", "a://b".upper(), "x:/y", "file")))
    assert location("some/where") == Path("some/where")
    assert not is_remote(Path("some/where"))


def test_what_cannot_be_reached_is_named():
    with pytest.raises(StoreError, match=r"foo://x: .*; s3, gs, hf, http and plain paths"):
        location("foo://x")
    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9/x cannot be reached: Cannot conn"):
        reachable("http://127.0.0.1:9/x")
    assert reachable("memory://nothing/here").exists() is False


def write_half_a_report(folder):
    with local_folder(folder) as local:
        (local / "half").write_text("x")
        raise RuntimeError


def test_a_commit_is_an_upload_and_a_failed_one_leaves_nothing(memory):
    with exclusive(memory):
        commit_text(memory / "a" / "note.txt", "ü")
    assert (memory / "a" / "note.txt").read_text(encoding="utf-8") == "ü"
    with pytest.raises(RuntimeError):
        write_half_a_report(memory / "report")
    assert [str(path) for path in find_files(memory)] == [str(memory / "a" / "note.txt")]


def test_shards_and_lists_come_back_from_a_remote_folder(memory, make_features):
    video = make_features("a/b.mp4", split="train", labels=("x",))
    path = write_shard(memory, ShardRecipe("{}", "0"), [video])
    write_manifest(memory, [video.item])
    check_shard(path)
    entry = open_catalog(memory).videos["a/b.mp4"]
    np.testing.assert_array_equal(read_segments(entry), video.segments)
    assert read_manifest(memory) == [video.item]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="damaged shard memory://bucket/outputs/shard-"):
        check_shard(path)


def test_videos_below_a_remote_root_are_found_with_their_sizes(memory):
    files = {"b c#1.mp4": b"xy", "sub/a.AVI": b"", "notes.txt": b"x", "z": b"FLV"}
    for name, content in files.items():
        (memory / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (memory / "videos" / name).write_bytes(content)
    root = memory / "videos"
    assert [path.name for path in find_videos(root)] == ["b c#1.mp4", "a.AVI"]
    assert walk(root).others == ["files of an unknown kind: 1 (z)", "text: 1 (notes.txt)"]
    items = load("folder").discover(root)
    assert [item.video_id for item in items] == ["b c#1.mp4", "sub/a.AVI"]
    assert [size_of(item.path) for item in items] == [2, 0]
    found = take_inventory(load("folder"), root)
    assert ([i.video_id for i in found.present], [i.video_id for i in found.empty]) == (
        *(["b c#1.mp4"], ["sub/a.AVI"]),
    )
    with local_copy(location(items[0].path)) as copy:
        assert (copy.name, copy.read_bytes()) == ("b c#1.mp4", b"xy")
    assert not copy.exists()
    with pytest.raises(StoreError, match="cannot be fetched"), local_copy(root / "gone.mp4"):
        pass


def test_folders_of_splits_and_classes_are_read_from_a_remote_root(memory):
    for split in ("train", "test"):
        for label in ("fight", "noFight"):
            for number in range(2):
                video = memory / split / label / f"{number}.mp4"
                video.parent.mkdir(parents=True, exist_ok=True)
                video.write_bytes(b"x")
    items = load("custom").discover(memory)
    assert {(item.split, item.labels) for item in items} == {
        (split, (label,)) for split in ("train", "test") for label in ("fight", "noFight")
    }
    assert all(size_of(item.path) == 1 for item in items)
