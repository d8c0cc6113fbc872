import numpy as np
import pytest

from stores.files.arrays import read_array
from stores.records import StoreError


def test_numbers_come_in_their_own_precision_and_other_kinds_are_named(tmp_path):
    path = tmp_path / "mask.npy"
    np.save(path, np.array([0, 1, 1], np.uint8))
    assert read_array(path, "biuf").dtype == np.uint8
    with pytest.raises(StoreError, match="holds uint8, expected floating point numbers"):
        read_array(path)
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(StoreError, match="damaged, or holds other things"):
        read_array(path, "biuf")
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        read_array(tmp_path / "gone.npy")


@pytest.mark.parametrize(
    "harm", [(b"'shape': (", b"'shape':y("), (b"(7, 8)", b"(7, 8 "), (b"{", b"[")]
)
def test_a_damaged_header_is_named(tmp_path, harm):
    """Headers are Python to NumPy: damaged ones raise what Python's own parser does."""
    path = tmp_path / "a__0.npy"
    np.save(path, np.zeros((7, 8), np.float32))
    path.write_bytes(path.read_bytes().replace(*harm))
    with pytest.raises(StoreError, match=r"a__0\.npy is no \.npy file, damaged"):
        read_array(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(50), b"\x80\x02]q\x00."])
def test_another_kind_of_file_is_named(tmp_path, content):
    path = tmp_path / "a__0.npy"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"a__0\.npy is no \.npy file, damaged"):
        read_array(path)
