import numpy as np
import pytest

from extract.stills import read_pictures, read_stills
from extract.video import DecodeError
from stores.datasets.synthetic.footage import SUFFIXES, write_video

SHADES = [int(shade) for shade in np.linspace(16, 235, 60)]


@pytest.fixture(params=["h264", "h264-vfr", "hevc", "mpeg4"])
def brightening(request, tmp_path):
    """A video of 60 frames, 25 a second, each a little brighter than the one before."""
    path = tmp_path / f"video{SUFFIXES[request.param]}"
    frames = (np.full((90, 160, 3), shade, dtype=np.uint8) for shade in SHADES)
    write_video(path, frames, codec=request.param, fps=25, seed=1)
    return str(path)


def test_all_pictures_come_in_order_at_full_size(brightening):
    pictures = list(read_pictures(brightening))
    assert len(pictures) == 60
    assert {picture.shape for picture in pictures} == {(90, 160, 3)}
    means = [float(picture.mean()) for picture in pictures]
    assert means == sorted(means)
    np.testing.assert_allclose(means, SHADES, atol=6)


def test_stills_are_small_and_in_order_and_the_last_stands_for_what_is_past_it(brightening):
    stills = read_stills(brightening, [0.0, 0.8, 1.6, 99.0], height=45)
    assert {still.shape for still in stills} == {(45, 80, 3)}
    means = [float(still.mean()) for still in stills]
    assert means == sorted(means)
    assert means[0] == pytest.approx(SHADES[0], abs=6)
    assert means[-1] == pytest.approx(SHADES[-1], abs=6)
    assert len(stills) == 4


def test_stills_of_regular_videos_are_exact(tmp_path):
    path = tmp_path / "video.mp4"
    frames = (np.full((90, 160, 3), shade, dtype=np.uint8) for shade in SHADES)
    write_video(path, frames, codec="h264", fps=25, seed=1)
    stills = read_stills(str(path), [20 / 25, 40 / 25], height=200)
    pictures = list(read_pictures(str(path)))
    np.testing.assert_array_equal(stills, [pictures[20], pictures[40]])


def test_a_file_that_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(DecodeError, match=r"a\.mp4"):
        read_stills(str(tmp_path / "a.mp4"), [0.0], height=45)
