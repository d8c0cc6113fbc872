import numpy as np
import pytest

from stores.features.published import find_features, read_features
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


def read(root, item):
    files = find_features(root)[item.video_id]
    return read_features(item, files, width=8, test_crop=5, frame_rate=30.0)


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
        (shorter, r"different numbers of segments: .*__3\.npy 5"),
        (infinite, r"__6\.npy: segment 4 is not finite"),
        (too_large, r"__1\.npy: a value of .* does not fit float16"),
        (lambda _, rows: rows[:, :7], r"float16 of shape \(7, 7\), expected floats \[S, 8\]"),
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


def test_folders_without_features_and_double_ones_are_refused(tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        find_features(tmp_path / "gone")
    with pytest.raises(StoreError, match="no file named <video>__<crop>.npy"):
        find_features(tmp_path)
    write(tmp_path / "a", TRAIN.video_id)
    write(tmp_path / "b", TRAIN.video_id)
    with pytest.raises(StoreError, match="two files of one video and crop"):
        find_features(tmp_path)
