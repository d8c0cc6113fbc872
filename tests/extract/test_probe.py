"""What is read from packets alone."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

from extract.orientation import Orientation
from extract.probe import probe


def test_a_plain_file_has_its_facts_read(write_video):
    probe_info = probe(write_video(frames=40, size=(64, 48), rate=25))
    assert (probe_info.codec, probe_info.pixel_format) == ("h264", "yuv420p")
    assert (probe_info.width, probe_info.height) == (64, 48)
    assert probe_info.orientation.is_upright
    assert probe_info.steps == ()
    assert (probe_info.frames, probe_info.hidden, probe_info.timestamps.size) == (40, 0, 40)
    assert probe_info.rate == pytest.approx(25)
    assert probe_info.seconds == pytest.approx(1.6)
    assert probe_info.is_regular
    assert np.all(np.diff(probe_info.timestamps) * probe_info.tick == pytest.approx(0.04))


def test_a_variable_rate_is_not_regular(write_video):
    ticks = [i + i // 7 for i in range(30)]
    assert not probe(write_video(frames=30, ticks=ticks)).is_regular


def test_a_doubled_and_a_missing_time_are_not_regular_in_coarse_ticks(write_video):
    probe_info = probe(write_video(frames=20))
    ticks = np.array([0, 1, 2, 2, 4, *range(5, 20)])
    assert not replace(probe_info, timestamps=ticks).is_regular
    assert replace(probe_info, timestamps=np.arange(20)).is_regular


def test_rounding_to_milliseconds_is_regular(write_video):
    assert probe(write_video("video.mkv", frames=40, rate=30)).is_regular


def test_one_frame_is_regular(write_video):
    assert probe(write_video(frames=1)).is_regular


def test_avi_has_no_presentation_times(write_video):
    assert not probe(write_video("video.avi", codec="mpeg4")).has_presentation_times
    assert probe(write_video("video.mp4")).has_presentation_times


def test_shown_at_ends_with_the_table(write_video):
    probe_info = probe(write_video(frames=3))
    assert [probe_info.shown_at(i) for i in range(4)] == [*probe_info.timestamps.tolist(), None]


def test_the_cover_picture_is_passed_over(tmp_path):
    path = str(tmp_path / "song.mkv")
    with av.open(path, "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for stream, count in ((cover, 1), (video, 5)):
            for _ in range(count):
                picture = np.zeros((stream.height, stream.width, 3), dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    probe_info = probe(path)
    assert (probe_info.width, probe_info.height, probe_info.frames) == (64, 48, 5)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generic/nasa_13013.mp4", {"width": 480, "height": 270, "frames": 390}),
        ("hard/vid1.mp4", {"frames": 56, "hidden": 18}),
        (
            "hard/ios9.mov",
            {
                "width": 1280,
                "height": 720,
                "orientation": Orientation(exchanges_sides=True, mirrors_columns=True),
            },
        ),
        (
            "hard/fire2.mp4",
            {
                "orientation": Orientation(mirrors_columns=True, mirrors_rows=True),
                "is_regular": False,
            },
        ),
        ("hard/no_timescale.mp4", {"orientation": Orientation()}),
        ("hard/h265_10bits.mp4", {"codec": "hevc", "pixel_format": "yuv420p10le"}),
        ("hard/no_duration.webm", {"seconds": 0.0, "frames": 74}),
        ("hard/av1_video.mkv", {"codec": "av1"}),
        ("surveillance/traffic_camera.mp4", {"is_regular": True, "frames": 576, "keyframes": 5}),
        ("surveillance/traffic_camera_vfr.mp4", {"is_regular": False, "frames": 576}),
    ],
)
def test_real_files_have_their_facts_read(real_videos, name, expected):
    probe_info = probe(str(real_videos[name]))
    assert {key: getattr(probe_info, key) for key in expected} == expected
