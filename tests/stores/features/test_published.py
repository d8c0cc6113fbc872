import numpy as np
import pytest

from stores.features.archives import find_features
from stores.features.published import Archive, is_off, read_features
from stores.records import StoreError, VideoItem

TRAIN = VideoItem("Abuse001_x264", "", split="train", labels=("Abuse",))
TEST = VideoItem("Abuse028_x264", "", split="test", labels=("Abuse",), events=())


def write(folder, name, crops=range(10), segments=7, dtype=np.float16, change=None):
    random = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for crop in crops:
        rows = random.standard_normal((segments, 8)).astype(dtype)
        if change is not None:
            rows = change(crop, rows)
        np.save(folder / f"{name}__{crop}.npy", rows)


def read(root, item, *, lengths=(), test_crop=5, **form):
    sources = find_features(root, [TRAIN.video_id, TEST.video_id])[item.video_id]
    archive = Archive(width=8, **form)
    return read_features(
        item, sources, archive, test_crop=test_crop, frame_rate=30.0, lengths=lengths
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_ten_crops_in_order_with_frames_counted_from_segments(tmp_path, dtype):
    write(tmp_path / "Abuse", TRAIN.video_id, dtype=dtype)
    video = read(tmp_path, TRAIN)
    assert video.segments.shape == (10, 7, 8)
    assert video.segments.dtype == np.float16
    for crop in range(10):
        rows = np.load(tmp_path / "Abuse" / f"{TRAIN.video_id}__{crop}.npy")
        assert np.array_equal(video.segments[crop], rows.astype(np.float16))
    assert video.frames == 112
    assert video.times[30] == pytest.approx(1.0)


def test_of_a_test_video_the_scored_crop_is_enough(tmp_path):
    write(tmp_path, TEST.video_id, crops=[5])
    assert read(tmp_path, TEST).segments.shape == (1, 7, 8)
    write(tmp_path / "train", TRAIN.video_id, crops=[5])
    with pytest.raises(StoreError, match=r"has crops \[5\], expected .* missing \[0, 1,"):
        read(tmp_path, TRAIN)


def shorter(crop, rows):
    return rows[:5] if crop == 3 else rows


def infinite(crop, rows):
    rows[4, 2] = np.nan if crop == 6 else rows[4, 2]
    return rows


def too_large(crop, rows):
    return rows.astype(np.float32) * (1e6 if crop == 1 else 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shorter, r"different numbers of rows: .*__3\.npy 5"),
        (infinite, r"__6\.npy: row 4 is not finite"),
        (too_large, r"__1\.npy: a value of .* does not fit float16"),
        (lambda _, rows: rows[:, :7], r"float16 of shape \(7, 7\), expected floats \[T, 8\]"),
        (lambda _, rows: rows.astype(np.int32), "holds int32, expected floating point numbers"),
        (lambda _, rows: rows[:0], r"shape \(0, 8\)"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, change, message):
    write(tmp_path, TRAIN.video_id, change=change)
    with pytest.raises(StoreError, match=message):
        read(tmp_path, TRAIN)


def test_a_pickle_is_never_unpacked(tmp_path):
    write(tmp_path, TRAIN.video_id)
    np.save(tmp_path / f"{TRAIN.video_id}__0.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(StoreError, match=r"__0\.npy is no \.npy file, damaged, or"):
        read(tmp_path, TRAIN)


def three_axes(folder, shape, name=TEST.video_id, dtype=np.float32):
    rows = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    np.save(folder / f"{name}.npy", rows)
    return rows


@pytest.mark.parametrize("crops", [1, 3, 5, 10])
def test_crops_may_be_the_second_axis_or_the_first(tmp_path, crops):
    rows = three_axes(tmp_path, (7, crops, 8))
    video = read(tmp_path, TEST, crops=1, test_crop=0)
    assert np.array_equal(video.segments, rows.swapaxes(0, 1).astype(np.float16))
    rows = three_axes(tmp_path, (crops, 7, 8))
    video = read(tmp_path, TEST, crops=1, test_crop=0)
    assert np.array_equal(video.segments, rows.astype(np.float16))


@pytest.mark.parametrize("shape", [(10, 10, 8), (5, 10, 8), (7, 6, 8)])
def test_where_crops_lie_is_asked_where_sizes_do_not_tell(tmp_path, shape):
    rows = three_axes(tmp_path, shape)
    with pytest.raises(StoreError, match=r"which axis is the crops' is not clear; give --crops-a"):
        read(tmp_path, TEST, crops=1)
    video = read(tmp_path, TEST, crops=1, crops_axis="second", test_crop=0)
    assert np.array_equal(video.segments, rows.swapaxes(0, 1).astype(np.float16))
    assert read(tmp_path, TEST, crops=1, crops_axis="first", test_crop=0).segments.shape == shape


def test_crops_may_lie_in_neighbouring_rows(tmp_path):
    rows = three_axes(tmp_path, (21, 8))
    video = read(tmp_path, TEST, crops=1, crops_in_rows=3, test_crop=0)
    assert np.array_equal(video.segments[1], rows[1::3].astype(np.float16))
    with pytest.raises(StoreError, match="no multiple of 2 crops"):
        read(tmp_path, TEST, crops=1, crops_in_rows=2)


def test_too_few_crops_for_the_scored_one_are_refused(tmp_path):
    three_axes(tmp_path, (7, 3, 8))
    with pytest.raises(StoreError, match="has 3 crops; crop 5 of ten is scored, or one alone"):
        read(tmp_path, TEST, crops=1, test_crop=5)


@pytest.mark.parametrize(("row_frames", "frames"), [(1, 100), (8, 96), (16, 96)])
def test_rows_of_fewer_frames_are_averaged_to_segments(tmp_path, row_frames, frames):
    rows = three_axes(tmp_path, (-(-frames // row_frames), 8))
    video = read(tmp_path, TEST, crops=1, row_frames=row_frames)
    per_segment = 16 // row_frames
    means = rows[: 6 * per_segment].reshape(6, per_segment, 8).mean(axis=1)
    assert video.segments[0] == pytest.approx(means, abs=2e-3)
    assert video.frames == frames


def test_a_video_shorter_than_a_segment_is_one(tmp_path):
    rows = three_axes(tmp_path, (5, 8))
    video = read(tmp_path, TEST, crops=1, row_frames=1)
    assert (video.segments.shape, video.frames) == ((1, 1, 8), 5)
    assert video.segments[0, 0] == pytest.approx(rows.mean(axis=0), abs=2e-3)


@pytest.mark.parametrize(
    ("rows", "frames", "off"),
    [(25, 400, False), (25, 415, False), (26, 415, True), (24, 400, True), (23, 400, True)],
)
def test_one_or_two_rows_more_or_fewer_than_listed_are_taken_and_told(tmp_path, rows, frames, off):
    three_axes(tmp_path, (rows, 8))
    video = read(tmp_path, TEST, crops=1, lengths=(frames,))
    assert is_off(video, (frames,)) == off
    assert video.frames == (frames if rows in (frames // 16, -(-frames // 16)) else 16 * rows)
    assert not is_off(video, ())


def test_many_rows_more_or_fewer_are_rows_of_other_frames(tmp_path):
    three_axes(tmp_path, (50, 8))
    with pytest.raises(
        StoreError, match=r"50 rows of 16 frames make 50 segments, .*of 400 frames 2"
    ):
        read(tmp_path, TEST, crops=1, lengths=(400,))
    assert read(tmp_path, TEST, crops=1, row_frames=8, lengths=(400, 401)).frames == 400


@pytest.mark.parametrize(("width", "maker"), [(2048, "I3D-ResNet50"), (1408, "VideoMAEv2")])
def test_features_of_other_makers_are_named(tmp_path, width, maker):
    three_axes(tmp_path, (7, width))
    with pytest.raises(StoreError, match=rf"\(7, {width}\) \(as features of {maker} are\), exp"):
        read(tmp_path, TEST, crops=1)
