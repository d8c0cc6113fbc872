import json
from dataclasses import replace
from itertools import product

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import check_shard, read_index, read_segments, read_times, write_shard
from stores.records import Event, Failure, StoreError, VideoItem

RECIPE = ShardRecipe('{"name": "test"}', "0123456789abcdef")
HOSTILE_NAMES = ["index", ".", "..", "a/b.mp4", "100%.avi", "v=x__#1_label_B1-0-0", "ż ó.mp4"]


def test_a_path_that_is_no_utf8_comes_back_as_it_was(tmp_path, make_features):
    video = make_features("caf")
    item = replace(video.item, path="/videos/caf\udce9.mp4")
    path = write_shard(tmp_path, RECIPE, [replace(video, item=item)], [Failure(item, "gone")])
    index = read_index(path)
    assert index.videos[0].item == index.failures[0].item == item


def test_round_trip_with_truth_failures_and_every_crop(tmp_path, make_features):
    video = make_features(
        "sub/a.mp4", split="test", labels=("Abuse",), events=(Event(3, 9, "Abuse"),)
    )
    failure = Failure(VideoItem("b", "b.mp4", "train", ("Normal",)), "empty file", attempts=2)
    index = read_index(write_shard(tmp_path, RECIPE, [video], [failure]))
    assert index.recipe == RECIPE
    assert index.failures == (failure,)
    (entry,) = index.videos
    assert (entry.item, entry.audit, entry.frames) == (video.item, video.audit, video.frames)
    assert (entry.crops, entry.segments, entry.width) == video.segments.shape
    np.testing.assert_array_equal(read_segments(entry), video.segments)
    np.testing.assert_array_equal(read_segments(entry, 1), video.segments[1])
    np.testing.assert_array_equal(read_times(entry), video.times)
    with pytest.raises(StoreError, match="holds 2 crops"):
        read_segments(entry, 5)


def test_names_that_mean_something_to_hdf5_are_only_names(tmp_path, make_features):
    videos = [make_features(name, seed=i) for i, name in enumerate(HOSTILE_NAMES)]
    index = read_index(write_shard(tmp_path, RECIPE, videos))
    assert [entry.item.video_id for entry in index.videos] == HOSTILE_NAMES
    for entry, video in zip(index.videos, videos, strict=True):
        np.testing.assert_array_equal(read_segments(entry), video.segments)


@pytest.mark.slow
@given(crops=st.integers(1, 10), segments=st.integers(1, 600), width=st.sampled_from([1, 8, 512]))
def test_every_shape_comes_back(tmp_path_factory, make_features_of, crops, segments, width):
    video = make_features_of(crops=crops, segments=segments, width=width)
    (entry,) = read_index(write_shard(tmp_path_factory.mktemp("s"), RECIPE, [video])).videos
    np.testing.assert_array_equal(read_segments(entry), video.segments)


@pytest.fixture(scope="module")
def make_features_of():
    from stores.records import DecodeAudit, VideoFeatures

    def make(crops, segments, width):
        values = np.arange(crops * segments * width, dtype=np.float32) % 997
        return VideoFeatures(
            item=VideoItem("v", "v.mp4"),
            segments=values.reshape(crops, segments, width).astype(np.float16),
            times=np.arange(segments * 16) / 30,
            audit=DecodeAudit("pyav", 0, 0, 0.0),
        )

    return make


def test_the_same_videos_make_the_same_file(tmp_path, make_features):
    first = write_shard(tmp_path, RECIPE, [make_features("a"), make_features("b")])
    second = write_shard(tmp_path, RECIPE, [make_features("b"), make_features("a")])
    assert first == second
    assert len(list(tmp_path.iterdir())) == 1


def test_a_flipped_bit_in_features_is_an_error_and_not_a_number(tmp_path, make_features):
    video = make_features(segments=40)
    path = write_shard(tmp_path, RECIPE, [video])
    data = bytearray(path.read_bytes())
    where = data.find(video.segments[1, 20].tobytes())
    data[where] ^= 1
    path.write_bytes(data)
    (entry,) = read_index(path).videos
    with pytest.raises(StoreError, match=f"damaged shard {path}"):
        read_segments(entry, 1)
    read_segments(entry, 0)


def test_what_the_index_says_is_what_hdf5_reads(tmp_path, make_features):
    videos = [make_features("a", segments=40, crops=3), make_features("b", segments=7)]
    path = write_shard(tmp_path, RECIPE, videos)
    with h5py.File(path) as file:
        for entry in read_index(path).videos:
            values = file[entry.item.video_id]["segments"]
            assert values.fletcher32
            np.testing.assert_array_equal(values[()], read_segments(entry))


def test_long_crops_are_read_chunk_by_chunk(tmp_path, make_features, monkeypatch):
    monkeypatch.setattr("stores.features.layout._ROWS", 16)
    video = make_features(segments=40)
    (entry,) = read_index(write_shard(tmp_path, RECIPE, [video])).videos
    assert entry.layout.rows == 14
    np.testing.assert_array_equal(read_segments(entry), video.segments)
    np.testing.assert_array_equal(read_segments(entry, 1), video.segments[1])


@pytest.mark.parametrize("schema", [1, 3, 5])
def test_shards_of_other_schemas_are_refused_with_what_to_do(tmp_path, make_features, schema):
    path = write_shard(tmp_path, RECIPE, [make_features()])
    with h5py.File(path, "r+") as file:
        content = json.loads(file["index"][()].tobytes()) | {"schema": schema}
        del file["index"]
        _index(file, content)
    said = f"{path} has schema {schema}, expected 4; delete it and run extract again"
    with pytest.raises(StoreError, match=said):
        open_catalog(tmp_path)


def test_a_flipped_bit_in_a_checksum_of_hdf5_is_found_by_a_check(tmp_path, make_features):
    video = make_features(segments=40)
    path = write_shard(tmp_path, RECIPE, [video])
    data = bytearray(path.read_bytes())
    data[data.find(video.segments[1].tobytes()) + video.segments[1].nbytes] ^= 1
    path.write_bytes(data)
    (entry,) = read_index(path).videos
    np.testing.assert_array_equal(read_segments(entry), video.segments)
    with pytest.raises(StoreError, match="damaged shard"):
        check_shard(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e308])
def test_times_and_features_that_cannot_be_are_named(tmp_path, make_features, wrong):
    video = make_features()
    times = np.where(np.arange(video.frames) == 5, wrong, video.times)
    (entry,) = read_index(write_shard(tmp_path, RECIPE, [replace(video, times=times)])).videos
    said = f"damaged shard {entry.shard}: a frame of a has no possible time; delete it"
    for read in (lambda: read_times(entry), lambda: check_shard(entry.shard)):
        with pytest.raises(StoreError, match=said):
            read()
    segments = video.segments.copy()
    segments[1, 2, 3] = np.nan if np.isnan(wrong) else -np.inf
    path = write_shard(tmp_path, RECIPE, [replace(video, segments=segments)])
    with pytest.raises(StoreError, match=f"damaged shard {path}: features of a are not finite"):
        check_shard(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_shard_is_named(tmp_path, make_features, share):
    path = write_shard(tmp_path, RECIPE, [make_features()])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(StoreError, match="delete it and run extract again"):
        read_index(path)


def test_hdf5_of_another_maker_is_refused_as_such(tmp_path):
    path = tmp_path / "shard-x.h5"
    with h5py.File(path, "w") as file:
        file["data"] = [1, 2, 3]
    with pytest.raises(StoreError, match="not a feature shard"):
        read_index(path)


def test_one_user_may_not_read_anothers_shard(public, without_privileges, make_features):
    path = write_shard(public, RECIPE, [make_features()])
    path.chmod(0)
    with without_privileges(), pytest.raises(StoreError, match=f"{path}: no permission to read"):
        read_index(path)


def _index(file, content):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    file["index"] = np.frombuffer(text, dtype=np.uint8)


def _video(**changes):
    audit = {"decoder": "pyav", "expected_frames": 1, "decoded_frames": 1, "container_seconds": 1}
    item = {"video_id": "v", "path": "", "split": "none", "labels": [], "events": None}
    layout = {"rows": 1, "offsets": [0], "digests": ["0"]}
    video = {"item": item, "frames": 1, "shape": [1, 1, 8], "audit": audit, "layout": layout}
    recipe = {"text": "{}", "fingerprint": "0"}
    return {
        "schema": 4,
        "recipe": recipe,
        "generation": 0,
        "videos": [video | changes],
        "failures": [],
    }


FOREIGN = {
    "a group for an index": lambda file: file.create_group("index"),
    "numbers for an index": lambda file: file.__setitem__("index", [1.5, 2.5]),
    "a scalar for an index": lambda file: file.__setitem__("index", 7),
    "an empty index": lambda file: _index(file, b""),
    "an index that is no JSON": lambda file: _index(file, b"\xff{"),
    "an index nested too deep": lambda file: _index(file, b"[" * 99_999),
    "a list for an index": lambda file: _index(file, [1, 2]),
    "another's index": lambda file: _index(file, {"version": 3}),
    "no videos": lambda file: _index(file, {"schema": 4}),
    "a shape of words": lambda file: _index(file, _video(shape=["a", "b", "c"])),
    "a shape below nothing": lambda file: _index(file, _video(shape=[1, -1, 8])),
    "chunks of no rows": lambda file: _index(
        file, _video(layout={"rows": 0, "offsets": [0], "digests": ["0"]})
    ),
    "more crops than digests": lambda file: _index(
        file, _video(layout={"rows": 1, "offsets": [0, 0], "digests": []})
    ),
    "features past the file's end": lambda file: _index(
        file, _video(layout={"rows": 1, "offsets": [1 << 40], "digests": ["0"]})
    ),
    "features of other values": lambda file: _index(file, _video()),
    "no layout": lambda file: _index(file, _video(layout=None)),
    "an audit of something else": lambda file: _index(file, _video(audit={"x": 1})),
}


@pytest.mark.parametrize("maker", FOREIGN)
def test_what_another_maker_calls_a_shard_is_refused_with_its_name(tmp_path, maker):
    path = tmp_path / "shard-x.h5"
    with h5py.File(path, "w") as file:
        FOREIGN[maker](file)
    with pytest.raises(StoreError, match=f"{path}"):
        check_shard(path)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("segments", (10**6, 10**6, 8), "segments of a have shape"),
        ("times", (10**12,), "times of a have shape"),
        ("segments", None, "damaged shard"),
        ("times", None, "damaged shard"),
    ],
)
def test_hdf5_that_is_not_what_the_index_says_is_named(tmp_path, make_features, name, shape, said):
    path = write_shard(tmp_path, RECIPE, [make_features("a")])
    with h5py.File(path, "r+") as file:
        file.move(f"a/{name}", "moved")
        if shape is not None:
            file.create_dataset(f"a/{name}", shape=shape, dtype="f2", chunks=True)
    with pytest.raises(StoreError, match=f"{path}.*") as refused:
        check_shard(path)
    assert said in str(refused.value)


def to_virtual(group, name, other):
    with h5py.File(other, "r") as file:
        shape, dtype = file[name].shape, file[name].dtype
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(str(other), name, shape)
    group.create_virtual_dataset(name, layout)


def to_external(group, name, other):
    with h5py.File(other, "r") as file:
        shape, dtype = file[name].shape, file[name].dtype
    group.create_dataset(name, shape, dtype, external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def to_link(group, name, other):
    group[name] = h5py.ExternalLink(str(other), name)


def to_soft_link(group, name, other):
    group["out"] = h5py.ExternalLink(str(other), "/")
    group[name] = h5py.SoftLink(f"out/{name}")


@pytest.mark.parametrize(
    ("place", "lead"),
    [
        *product(["index", "a/segments", "a/times"], [to_virtual, to_external]),
        *product(["index", "a", "a/segments", "a/times"], [to_link, to_soft_link]),
    ],
)
def test_a_shard_that_points_into_another_file_is_refused(tmp_path, make_features, place, lead):
    """It would show whoever opens a foreign shard the content of any file of theirs."""
    path = write_shard(tmp_path, RECIPE, [make_features("a")])
    other = tmp_path / "other.h5"
    parent, _, name = place.rpartition("/")
    with h5py.File(path, "r+") as file, h5py.File(other, "w") as copy:
        group = file[parent or "/"]
        group.copy(name, copy)
        del group[name]
    with h5py.File(path, "r+") as file:
        lead(file[parent or "/"], name, other)
    with pytest.raises(StoreError, match=rf"{path.name} points out of itself \({name}\)"):
        check_shard(path)
    if place != "index":
        (video,) = open_catalog(tmp_path).videos.values()
        if name != "segments":  # which are read past HDF5, from this file alone
            with pytest.raises(StoreError, match="points out of itself"):
                read_times(video)


def test_a_folder_named_as_a_shard_is_refused(tmp_path):
    (tmp_path / "shard-x.h5").mkdir()
    with pytest.raises(StoreError, match=r"shard-x\.h5"):
        open_catalog(tmp_path)


@pytest.mark.parametrize("segments", [257, 270, 511])
def test_a_shard_takes_hardly_more_room_than_its_features(tmp_path, make_features, segments):
    video = make_features(segments=segments, crops=10, width=64)
    path = write_shard(tmp_path, RECIPE, [video])
    assert path.stat().st_size < 1.1 * video.segments.nbytes + 20_000
