import numpy as np
import pytest

from extract.container import DecodeError
from extract.thumbnails import Format, read_format, read_thumbnails


def greys(pictures):
    return pictures.reshape(len(pictures), -1).mean(axis=1)


@pytest.mark.parametrize("spacing", [1, 12, 250])
@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
def test_pictures_are_of_the_moments_asked_for(write_video, name, spacing):
    path = write_video(name, options={"g": str(spacing), "bf": "0"})
    pictures = read_thumbnails(path, [0.0, 0.4, 0.6, 1.56], height=24)
    assert pictures.shape == (4, 24, 32, 3)
    beside = 5 if name.endswith("avi") else 0  # a frame: AVI knows no presentation times
    np.testing.assert_allclose(greys(pictures), [20, 70, 95, 215], atol=2.5 + beside)


def test_a_late_start_and_irregular_times_count_from_the_first_frame(write_video):
    path = write_video(frames=20, ticks=[100 + 2 * n + n // 10 * 30 for n in range(20)])
    pictures = read_thumbnails(path, [0.0, 0.4, 2.0], height=24)
    np.testing.assert_allclose(greys(pictures), [20, 45, 70], atol=2.5)


def test_past_the_end_the_last_picture_is_repeated(write_video):
    pictures = read_thumbnails(write_video(frames=3), [0.0, 5.0, 9.0], height=24)
    np.testing.assert_allclose(greys(pictures), [20, 30, 30], atol=2.5)


def test_large_pictures_far_from_a_keyframe_cost_a_few_frames_only(write_video, monkeypatch):
    path = write_video(frames=40, options={"g": "250", "bf": "0"})
    monkeypatch.setattr("extract.thumbnails._PIXELS_AHEAD", 5 * 64 * 48)
    (picture,) = read_thumbnails(path, [1.56], height=24)
    assert picture.mean() == pytest.approx(20 + 5 * 5, abs=2.5)


@pytest.mark.data
@pytest.mark.parametrize(("name", "portrait"), [("video_90.mov", True), ("vid1.mp4", False)])
def test_pictures_are_upright(shared_data, name, portrait):
    path = str(shared_data / "videos" / "hard" / name)
    _, height, width, _ = read_thumbnails(path, [0.0], height=90).shape
    assert (width < height) == portrait


@pytest.mark.data
def test_every_hard_file_gives_pictures_or_a_reason(shared_data):
    def outcome(path):
        try:
            return read_thumbnails(str(path), [0.0, 1.0], height=30).shape[:2]
        except DecodeError as error:
            return str(error)

    outcomes = {path: outcome(path) for path in (shared_data / "videos" / "hard").iterdir()}
    assert (2, 30) in outcomes.values()
    for path, found in outcomes.items():
        assert found == (2, 30) or str(path) in found


def test_a_file_without_pictures_says_so(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DecodeError, match="not a video"):
        read_thumbnails(str(tmp_path / "text.mp4"), [0.0], height=30)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "played"),
    [
        ("video.mp4", "libx264", "yuv420p", True),
        ("video.mp4", "libx264", "yuv444p", False),
        ("video.mkv", "libx264", "yuv420p", False),
        ("video.avi", "mpeg4", "yuv420p", False),
        ("video.webm", "libvpx-vp9", "yuv420p", True),
    ],
)
def test_what_browsers_play_is_known(write_video, name, codec, pixels, played):
    found = read_format(write_video(name, codec=codec, pixels=pixels))
    assert found.pixels == pixels
    assert found.is_played == played


def test_a_format_of_another_kind_is_not_played():
    assert not Format("mov,mp4", "hevc", "yuv420p").is_played
    assert not Format("mpegts", "h264", "yuv420p").is_played
