from fractions import Fraction

import av
import numpy as np
import pytest

from extract.container import DecodeError
from extract.header import read_header
from extract.mp4 import to_frame, write_mp4, write_proxy
from extract.recipe import RECIPES
from extract.video import read_chunks


def frames_of(path):
    """Times and mean greys of every frame, as PyAV decodes them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [
            (float(frame.pts * stream.time_base), frame.to_ndarray(format="gray").mean())
            for frame in container.decode(stream)
        ]
    return (np.asarray(column) for column in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("name", "codec"), [("video.avi", "mpeg4"), ("video.mkv", "libx264"), ("video.mp4", "libx265")]
)
def test_a_copy_is_played_and_has_the_same_frames_at_the_same_times(
    write_video, tmp_path, name, codec
):
    path, target = write_video(name, codec=codec, size=(96, 72)), tmp_path / "copy.mp4"
    write_proxy(path, target)
    assert read_header(str(target)).plays_in_browsers
    times, greys = frames_of(target)
    np.testing.assert_allclose(times, np.arange(40) / 25, atol=1e-3)
    np.testing.assert_allclose(greys, frames_of_original(path), atol=3)


def frames_of_original(path):
    _, greys = frames_of(path)
    return list(greys)


def test_irregular_times_are_those_of_the_scores(write_video, tmp_path):
    ticks = [50 + 3 * n + n % 2 for n in range(30)]
    path, target = write_video("video.mkv", frames=30, ticks=ticks), tmp_path / "copy.mp4"
    write_proxy(path, target)
    times, _ = frames_of(target)
    scored = np.concatenate([chunk.times for chunk in read_chunks(path, RECIPES["demo"])])
    np.testing.assert_allclose(times, scored, atol=1e-3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 720), (854, 480)), ((720, 1280), (480, 854)), ((50, 38), (50, 38))],
)
def test_a_copy_is_small(write_video, tmp_path, size, expected):
    target = tmp_path / "copy.mp4"
    write_proxy(write_video(frames=3, size=size), target)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == expected


@pytest.mark.data
def test_a_copy_is_upright(shared_data, tmp_path):
    write_proxy(str(shared_data / "videos" / "hard" / "video_90.mov"), tmp_path / "copy.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.width < stream.height


def test_what_cannot_be_read_says_so(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DecodeError, match="not a video"):
        write_proxy(str(tmp_path / "text.mp4"), tmp_path / "copy.mp4")


def test_pictures_of_odd_sides_are_written_at_their_times(tmp_path):
    shades, times = (40, 120, 200), [0.0, 0.25, 0.3]
    frames = (to_frame(np.full((35, 51, 3), shade, dtype=np.uint8)) for shade in shades)
    target = tmp_path / "made.mp4"
    write_mp4(target, zip(times, frames, strict=True), rate=Fraction(10), options={})
    found, greys = frames_of(target)
    np.testing.assert_allclose(found, times, atol=2e-5)
    assert list(greys) == sorted(greys)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p"])
def test_a_copy_has_the_range_of_its_source_and_says_which(write_video, tmp_path, pixels):
    path, target = write_video(pixels=pixels, frames=20), tmp_path / "copy.mp4"
    write_proxy(path, target)
    shown = [rgb_means(each) for each in (path, target)]
    np.testing.assert_allclose(shown[0], shown[1], atol=1.5)


def rgb_means(path):
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24").mean() for f in container.decode(video=0)]


def test_pixels_that_are_not_square_are_written_as_such(tmp_path):
    frames = ((n / 10, to_frame(np.full((32, 48, 3), 90, dtype=np.uint8))) for n in range(3))
    target = tmp_path / "made.mp4"
    write_mp4(target, frames, rate=Fraction(10), options={}, aspect=Fraction(4, 3))
    with av.open(str(target)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
