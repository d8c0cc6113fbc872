"""What is read from packets, and what is refused before any decoding."""

from __future__ import annotations

import os
import struct
import wave
from dataclasses import replace

import av
import numpy as np
import pytest

from extract.container import DecodeError
from extract.probe import probe


def test_a_plain_file_has_its_facts_read(write_video):
    facts = probe(write_video(frames=40, size=(64, 48), rate=25))
    assert (facts.codec, facts.pixel_format) == ("h264", "yuv420p")
    assert (facts.width, facts.height, facts.rotation) == (64, 48, 0)
    assert (facts.frames, facts.hidden, facts.timestamps.size) == (40, 0, 40)
    assert facts.rate == pytest.approx(25)
    assert facts.seconds == pytest.approx(1.6)
    assert facts.is_regular
    assert np.all(np.diff(facts.timestamps) * facts.tick == pytest.approx(0.04))


def test_a_variable_rate_is_not_regular(write_video):
    ticks = [i + i // 7 for i in range(30)]
    assert not probe(write_video(frames=30, ticks=ticks)).is_regular


def test_a_doubled_and_a_missing_time_are_not_regular_in_coarse_ticks(write_video):
    facts = probe(write_video(frames=20))
    ticks = np.array([0, 1, 2, 2, 4, *range(5, 20)])
    assert not replace(facts, timestamps=ticks).is_regular
    assert replace(facts, timestamps=np.arange(20)).is_regular


def test_rounding_to_milliseconds_is_regular(write_video):
    assert probe(write_video("video.mkv", frames=40, rate=30)).is_regular


def test_one_frame_is_regular(write_video):
    assert probe(write_video(frames=1)).is_regular


def test_avi_has_no_presentation_times(write_video):
    assert not probe(write_video("video.avi", codec="mpeg4")).has_presentation_times
    assert probe(write_video("video.mp4")).has_presentation_times


def test_shown_at_ends_with_the_table(write_video):
    facts = probe(write_video(frames=3))
    assert [facts.shown_at(i) for i in range(4)] == [*facts.timestamps.tolist(), None]


def test_names_that_look_like_protocols_and_options_are_files(write_video, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (
        "-dash.mp4",
        "http:x.mp4",
        "100%d & more?.mp4",
        "caf\udce9\n.mp4",
        "x" * 250 + ".mp4",
    ):
        write_video(name, frames=2)
        assert probe(name).frames == 2


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
    facts = probe(path)
    assert (facts.width, facts.height, facts.frames) == (64, 48, 5)


def _missing(folder):
    return folder / "nothing.mp4"


def _empty(folder):
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _text(folder):
    (folder / "text.mp4").write_text("not a video\n" * 50)
    return folder / "text.mp4"


def _sound(folder):
    path = folder / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    return path


def _giant(folder):
    """A small motion JPEG in Matroska, both of whose headers claim 16,000×16,000."""
    path = folder / "giant.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame(256, 256, "yuvj420p")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, 16000, 16000)
    for element in (b"\xb0\x82", b"\xba\x82"):  # PixelWidth and PixelHeight, two bytes each
        struct.pack_into(">H", content, content.index(element + b"\x01\x00") + 2, 16000)
    path.write_bytes(content)
    return path


def _lost_link(folder):
    (folder / "link.mp4").symlink_to("/nowhere.mp4")
    return folder / "link.mp4"


def _circle(folder):
    (folder / "circle.mp4").symlink_to("circle.mp4")
    return folder / "circle.mp4"


def _pipe(folder):
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_lost_link, "a link that leads nowhere"),
        (_circle, "cannot be read"),
        (_pipe, "not a file; give the video"),
        (_missing, "no such file"),
        (_empty, "empty"),
        (_text, "not a video"),
        (_sound, "no video stream"),
        (_giant, "16000×16000 is over the limit of 67 megapixels"),
        (lambda folder: folder, "not a file"),
    ],
)
def test_what_no_decoder_should_see_is_refused_in_one_line(tmp_path, make, reason):
    path = make(tmp_path)
    with pytest.raises(DecodeError, match=reason) as caught:
        probe(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generic/nasa_13013.mp4", {"width": 480, "height": 270, "frames": 390}),
        ("hard/vid1.mp4", {"frames": 56, "hidden": 18}),
        ("hard/ios9.mov", {"width": 1280, "height": 720, "rotation": 270}),
        ("hard/fire2.mp4", {"rotation": 180, "is_regular": False}),
        ("hard/no_timescale.mp4", {"rotation": 0}),
        ("hard/h265_10bits.mp4", {"codec": "hevc", "pixel_format": "yuv420p10le"}),
        ("hard/no_duration.webm", {"seconds": 0.0, "frames": 74}),
        ("hard/av1_video.mkv", {"codec": "av1"}),
        ("surveillance/traffic_camera.mp4", {"is_regular": True, "frames": 576, "keyframes": 5}),
        ("surveillance/traffic_camera_vfr.mp4", {"is_regular": False, "frames": 576}),
    ],
)
def test_real_files_have_their_facts_read(real_videos, name, expected):
    facts = probe(str(real_videos[name]))
    assert {key: getattr(facts, key) for key in expected} == expected
