import h5py
import numpy as np
import pytest

from stores.features.archives import Source, find_features, read_source
from stores.records import StoreError

LISTED = "01_001", "01_0014", "Abuse001_x264", "Fire_1", "v=a.b__#1_label_B1-0-0"


def place(folder, name):
    path = folder / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((3, 4), np.float32))
    return path


@pytest.mark.parametrize(
    ("name", "video", "crop"),
    [
        ("01_001", "01_001", 0),
        ("01_0014_9", "01_0014", 9),
        ("01_001__9", "01_001", 9),
        ("01_001_i3d", "01_001", 0),
        ("01_001_videomae", "01_001", 0),
        ("Abuse001_x264", "Abuse001_x264", 0),
        ("Abuse001_x264__5", "Abuse001_x264", 5),
        ("Abuse001_x264_i3d", "Abuse001_x264", 0),
        ("abuse001_X264__5", "Abuse001_x264", 5),
        ("Fire_1_swin", "Fire_1", 0),
        ("Fire_1_2", "Fire_1", 2),
        ("01_001/feature", "01_001", 0),
        ("01_0014/7", "01_0014", 7),
        ("v=a.b__#1_label_B1-0-0__4", "v=a.b__#1_label_B1-0-0", 4),
        ("v=a.b__#1_label_B1-0-0", "v=a.b__#1_label_B1-0-0", 0),
        ("Stranger_12", "Stranger_12", 0),  # of no list, so the number may be its own
        ("Stranger__12", "Stranger", 12),
    ],
)
def test_names_are_a_videos_and_a_crops(tmp_path, name, video, crop):
    path = place(tmp_path, name)
    assert find_features(tmp_path, LISTED) == {video: {crop: Source(path)}}


def test_a_bare_name_is_crop_0_beside_the_others(tmp_path):
    for name in ("01_001", "01_001__1", "01_001__2"):
        place(tmp_path, name)
    assert sorted(find_features(tmp_path, LISTED)["01_001"]) == [0, 1, 2]
    place(tmp_path, "01_001__0")
    with pytest.raises(StoreError, match="two files of one video and crop: .*01_001.npy and .*__0"):
        find_features(tmp_path, LISTED)


@pytest.fixture
def hdf5(tmp_path):
    path = tmp_path / "features.h5"
    with h5py.File(path, "w") as file:
        file["01_001.npy"] = np.ones((3, 4), np.float16)
        file["train/01_0014"] = np.ones((3, 2, 4))
        file["text"] = ["no numbers"]
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/a")
        file["lost"] = h5py.SoftLink("/nowhere")
    return path


def test_an_hdf5_file_holds_a_data_set_a_video(tmp_path, hdf5):
    found = find_features(tmp_path, LISTED)
    assert set(found) == {"01_001", "01_0014", "text"}
    rows = read_source(found["01_0014"][0])
    assert (rows.dtype, rows.shape) == (np.float64, (3, 2, 4))
    assert found["01_0014"][0].name == "features.h5:train/01_0014"
    with pytest.raises(StoreError, match="features.h5:text holds object, expected floating point"):
        read_source(found["text"][0])


def test_an_hdf5_file_that_is_none_or_is_damaged_is_named(tmp_path, hdf5):
    whole = hdf5.read_bytes()
    hdf5.write_bytes(b"no HDF5")
    with pytest.raises(StoreError, match=r"features\.h5 cannot be read as HDF5"):
        find_features(tmp_path, LISTED)
    hdf5.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match=r"features\.h5 cannot be read as HDF5"):
        find_features(tmp_path, LISTED)
    with pytest.raises(StoreError, match=r"features\.h5:gone cannot be read"):
        read_source(Source(hdf5, "gone"))


def test_folders_without_features_and_double_ones_are_refused(tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        find_features(tmp_path / "gone")
    with pytest.raises(StoreError, match="no file named <video>__<crop>.npy"):
        find_features(tmp_path)
    for folder in ("a", "b"):
        place(tmp_path / folder, "Abuse001_x264__3")
    with pytest.raises(StoreError, match="two files of one video and crop"):
        find_features(tmp_path)
