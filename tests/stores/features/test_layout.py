import h5py
import numpy as np
import pytest

from stores.features.layout import Layout, chunk_rows, digest


@pytest.mark.parametrize("segments", [1, 16, 8192, 8193, 100_000])
def test_chunks_are_the_whole_crop_or_equal_pieces_of_a_long_one(segments):
    rows = chunk_rows(segments)
    pieces = -(-segments // rows)
    assert rows <= 8192
    assert rows * pieces - segments < pieces
    assert (pieces == 1) == (segments <= 8192)


@pytest.fixture
def written(tmp_path):
    """Three crops of 10 rows in chunks of 4, where HDF5 has put them."""
    values = np.random.default_rng(0).standard_normal((3, 10, 8)).astype(np.float16)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset("x", data=values, chunks=(1, 4, 8))
        file.flush()
        layout = Layout.of(data, values)
    return path, layout, values


def test_every_crop_is_read_from_where_hdf5_has_put_it(written):
    path, layout, values = written
    assert (layout.rows, len(layout.offsets), len(layout.digests)) == (4, 9, 3)
    layout.check(3, 10)
    with path.open("rb") as file:
        for crop in range(3):
            found = np.empty((10, 8), np.float16)
            layout.expect(file, crop, found.nbytes)
            layout.read(file, crop, found)
            np.testing.assert_array_equal(found, values[crop])
            assert digest(found) == layout.digests[crop]


def test_other_bytes_and_a_file_that_ends_are_errors(written):
    path, layout, values = written
    data = bytearray(path.read_bytes())
    data[layout.offsets[3] + 5] ^= 1
    path.write_bytes(data)
    into = np.empty_like(values[0])
    with path.open("rb") as file:
        layout.read(file, 0, into)
        with pytest.raises(ValueError, match="crop 1 is not what was written"):
            layout.read(file, 1, into)
    path.write_bytes(data[: layout.offsets[-1]])
    with path.open("rb") as file, pytest.raises(ValueError, match="ends too early"):
        layout.read(file, 2, into)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (Layout(0, (0,), ("x",)), "chunks of 0 rows"),
        (Layout(4, (0, 1), ("x",)), "2 chunks are listed, expected 3"),
        (Layout(4, (0, 1, 2), ()), "0 digests"),
    ],
)
def test_places_that_do_not_fit_the_shape_are_refused(layout, said):
    with pytest.raises(ValueError, match=said):
        layout.check(1, 10)
