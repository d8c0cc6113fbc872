"""Reads of what lies behind URLs: fsspec's file system in memory, which counts what it is asked."""

import threading
import time

import fsspec
import h5py
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import read_segments, read_times, write_shard
from stores.files.locations import location
from stores.files.requests import open_exactly, read_in_pieces, side_by_side
from stores.records import StoreError

RECIPE = ShardRecipe("{}", "0" * 16)


@pytest.fixture
def memory():
    """A folder of fsspec's in-memory file system, empty."""
    fsspec.filesystem("memory").rm("/", recursive=True)
    return location("memory://far/away")


@pytest.fixture
def fetched(monkeypatch):
    """The bytes that each request brings, as they come."""
    sizes = []
    plain = MemoryFileSystem.cat_file

    def cat_file(self, path, start=None, end=None, **options):
        found = plain(self, path, start=start, end=end, **options)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(MemoryFileSystem, "cat_file", cat_file)
    return sizes


def test_remote_reads_run_side_by_side_and_come_in_order(memory):
    together = threading.Barrier(8, timeout=20.0)

    def read(number):
        together.wait()  # breaks, unless eight are read at a time
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(side_by_side(read, range(64), memory)) == [n * n for n in range(64)]


def test_what_is_read_ahead_is_bounded(memory):
    begun = []
    reads = side_by_side(begun.append, range(1000), memory)
    for taken in range(1, 100):
        next(reads)
        assert len(begun) < taken + 64
    reads.close()
    time.sleep(0.1)
    assert len(begun) < 200


def test_local_reads_stay_in_their_thread_one_when_it_is_wanted(tmp_path):
    begun = []

    def read(number):
        begun.append(threading.current_thread())
        return number

    reads = side_by_side(read, range(10), tmp_path)
    assert [next(reads), next(reads)] == [0, 1]
    assert begun == [threading.current_thread()] * 2


def test_the_first_in_order_is_the_one_that_is_named(memory, make_features):
    paths = sorted(write_shard(memory, RECIPE, [make_features(f"v{n}")]) for n in range(40))
    for bad in (paths[37], paths[6], paths[20]):
        bad.write_bytes(b"no HDF5" * 20_000 if bad == paths[6] else b"")
    for _ in range(5):
        with pytest.raises(StoreError, match=f"damaged shard {paths[6]}"):
            open_catalog(memory)


def test_a_catalog_fetches_what_it_needs_of_large_shards(memory, make_features, fetched):
    videos = [make_features(f"v{n}", segments=400, width=512) for n in range(12)]
    path = write_shard(memory, RECIPE, videos)
    size = path.stat().st_size
    fetched.clear()
    found = open_catalog(memory).videos
    assert len(fetched) <= 6
    assert sum(fetched) < size / 20
    for video in videos:
        entry = found[video.item.video_id]
        np.testing.assert_array_equal(read_segments(entry), video.segments)
        np.testing.assert_array_equal(read_times(entry), video.times)


def test_pieces_grow_until_all_is_there(memory, fetched):
    """Whoever reads a whole file through HDF5 begins anew a few times and not at every piece."""
    values = np.random.default_rng(0).standard_normal((400, 4096))
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        file.create_dataset("values", data=values, chunks=(1, 4096))
        file.flush()
        path = memory / "many-chunks.h5"
        path.write_bytes(file.id.get_file_image())
    tries = []

    def read(source):
        tries.append(source)
        with h5py.File(source, "r") as file:
            return file["values"][()]

    np.testing.assert_array_equal(read_in_pieces(path, read), values)
    assert len(tries) < 15
    assert max(fetched) > path.stat().st_size / 4


def test_an_empty_file_and_none_are_told_by_who_reads(memory):
    (memory / "empty").write_bytes(b"")
    assert read_in_pieces(memory / "empty", lambda source: source.read()) == b""
    with pytest.raises(FileNotFoundError):
        read_in_pieces(memory / "none", lambda source: source.read())


def test_a_store_that_brings_other_pieces_than_were_asked_for_is_an_error(memory, monkeypatch):
    (memory / "file").write_bytes(bytes(200_000))
    monkeypatch.setattr(MemoryFileSystem, "cat_file", lambda *_, **__: bytes(200_000))
    with pytest.raises(OSError, match="200000 bytes came instead of the 65536 from 0"):
        read_in_pieces(memory / "file", lambda source: source.read())


def test_a_file_is_opened_as_it_is_wherever_it_lies(memory, tmp_path):
    for folder in (memory, tmp_path):
        (folder / "file").write_bytes(b"0123456789")
        with open_exactly(folder / "file") as file:
            file.seek(3)
            assert file.read(4) == b"3456"
