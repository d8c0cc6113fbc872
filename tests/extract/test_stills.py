import numpy as np
import pytest

from extract.container import DecodeError
from extract.stills import read_pictures, read_stills
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
    stills = read_stills(str(path), [20 / 25, 40 / 25], height=90)
    pictures = list(read_pictures(str(path)))
    np.testing.assert_array_equal(stills, [pictures[20], pictures[40]])


def test_a_file_that_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(DecodeError, match=r"a\.mp4"):
        read_stills(str(tmp_path / "a.mp4"), [0.0], height=45)


def stack_stills(path, times, height, *, exact=False):
    return np.stack(read_stills(str(path), times, height, exact=exact))


def greys(pictures):
    return pictures.reshape(len(pictures), -1).mean(axis=1)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("spacing", [1, 12, 250])
@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
def test_pictures_are_of_the_moments_asked_for(write_video, name, spacing, exact):
    path = write_video(name, options={"g": str(spacing), "bf": "0"})
    pictures = stack_stills(path, [0.0, 0.4, 0.6, 1.56], height=24, exact=exact)
    assert pictures.shape == (4, 24, 32, 3)
    beside = 5 if name.endswith("avi") and not exact else 0  # a frame: AVI has no times to seek by
    np.testing.assert_allclose(greys(pictures), [20, 70, 95, 215], atol=2.5 + beside)


@pytest.mark.data
def test_exact_stills_of_avi_are_the_frames_that_are_scored(real_videos):
    path = str(real_videos["generic/test.avi"])  # B-frames, and no presentation times
    pictures = list(read_pictures(path))
    numbers = [0, 90, 30, 30, 163]
    stills = read_stills(path, [number / 25 for number in numbers], height=pictures[0].shape[0])
    for number, still in zip(numbers, stills, strict=True):
        errors = [np.abs(still.astype(int) - picture).mean() for picture in pictures]
        assert int(np.argmin(errors)) == number


def test_a_late_start_and_irregular_times_count_from_the_first_frame(write_video):
    path = write_video(frames=20, ticks=[100 + 2 * n + n // 10 * 30 for n in range(20)])
    pictures = stack_stills(path, [0.0, 0.4, 2.0], height=24)
    np.testing.assert_allclose(greys(pictures), [20, 45, 70], atol=2.5)


def test_past_the_end_the_last_picture_is_repeated(write_video):
    pictures = stack_stills(write_video(frames=3), [0.0, 5.0, 9.0], height=24)
    np.testing.assert_allclose(greys(pictures), [20, 30, 30], atol=2.5)


def test_large_pictures_far_from_a_keyframe_cost_a_few_frames_only(write_video, monkeypatch):
    path = write_video(frames=40, options={"g": "250", "bf": "0"})
    monkeypatch.setattr("extract.stills.PIXELS_AHEAD", 5 * 64 * 48)
    (picture,) = stack_stills(path, [1.56], height=24)
    assert picture.mean() == pytest.approx(20 + 5 * 5, abs=2.5)
    (picture,) = stack_stills(path, [1.56], height=24, exact=True)
    assert picture.mean() == pytest.approx(20 + 5 * 39, abs=2.5)


@pytest.mark.data
@pytest.mark.parametrize(("name", "portrait"), [("video_90.mov", True), ("vid1.mp4", False)])
def test_pictures_are_upright(shared_data, name, portrait):
    path = str(shared_data / "videos" / "hard" / name)
    _, height, width, _ = stack_stills(path, [0.0], height=90).shape
    assert (width < height) == portrait


@pytest.mark.data
def test_every_hard_file_gives_pictures_or_a_reason(shared_data):
    def outcome(path):
        try:
            return stack_stills(path, [0.0, 1.0], height=30).shape[:2]
        except DecodeError as error:
            return str(error)

    outcomes = {path: outcome(path) for path in (shared_data / "videos" / "hard").iterdir()}
    assert (2, 30) in outcomes.values()
    for path, found in outcomes.items():
        assert found == (2, 30) or str(path) in found


def test_a_file_without_pictures_says_so(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DecodeError, match="not a video"):
        read_stills(str(tmp_path / "text.mp4"), [0.0], height=30)
