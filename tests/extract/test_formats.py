"""Every kind of file that PyAV can write here, read back and counted; and what is no video."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from extract.container import DecodeError
from extract.recipe import RECIPES

FRAMES = 40
RECIPE = RECIPES["squash"]

H264 = {"codec": "libx264"}
FORMATS = {
    "h264.mp4": H264,
    "h264.mkv": H264,
    "h264.avi": H264 | {"options": {"bf": "0"}},
    "h264.ts": H264,
    "h264.mov": H264,
    "h264.flv": H264,
    "b-frames.ts": H264 | {"options": {"bf": "3", "g": "12"}},
    "interlaced.mp4": H264 | {"options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}},
    "10-bit.mp4": H264 | {"pixels": "yuv420p10le"},
    "444.mp4": H264 | {"pixels": "yuv444p"},
    "odd-size.mp4": H264 | {"pixels": "yuv444p", "size": (63, 47)},
    "vfr.mkv": H264 | {"ticks": [i + i // 7 + i // 11 for i in range(FRAMES)]},
    "one-a-second.mp4": H264 | {"rate": 1},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "hdr.mkv": {
        "codec": "libx265",
        "pixels": "yuv420p10le",
        "options": {
            "x265-params": "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
        },
    },
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "av1.mkv": {"codec": "libsvtav1", "size": (64, 64)},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "mpeg2.mxf": {"codec": "mpeg2video", "size": (96, 64)},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"qmin": "1", "qmax": "2"}},
    "mpeg4.3gp": {"codec": "mpeg4", "options": {"qmin": "1", "qmax": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "mjpeg.mov": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "wmv.asf": {"codec": "wmv2"},
    "lossless.mkv": {"codec": "ffv1"},
    "animation.gif": {"codec": "gif", "pixels": "rgb8"},
    "theora.ogv": {"codec": "libtheora"},
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_of_every_format_comes_in_its_order(write_video, frame_numbers, read, name):
    options = FORMATS[name]
    if options["codec"] not in av.codecs_available:
        pytest.skip(f"this FFmpeg does not write {options['codec']}")
    whole = read(write_video(name, frames=FRAMES, **options), RECIPE)
    audit = whole.last
    assert whole.times.size == audit.decoded_frames == FRAMES
    assert not audit.partial
    assert audit.duplicate_frames == 0
    assert audit.objection == ""
    if name not in ("animation.gif", "hdr.mkv"):  # colours of eight bits in all; another curve
        assert frame_numbers(whole.frames) == list(range(FRAMES))


def test_padding_at_the_end_is_counted_and_cut_and_elsewhere_kept(tmp_path, read):
    """Matroska takes packets at the time of the one before: the last is written 5 times more."""
    path = tmp_path / "padded.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(20):
            grey = np.full((48, 64, 3), 20 + 5 * index, dtype=np.uint8)
            (packet,) = stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24"))
            data, time, base = bytes(packet), packet.pts, packet.time_base
            for _ in range(1 + (5 if index == 19 else 2 if index == 7 else 0)):
                copy = av.Packet(data)
                copy.stream, copy.pts, copy.dts, copy.time_base = stream, time, time, base
                copy.is_keyframe = True
                container.mux(copy)
    whole = read(path, RECIPE)
    assert (whole.last.expected_frames, whole.last.decoded_frames) == (27, 22)
    assert whole.last.duplicate_frames == 5
    assert whole.last.objection == "5 frames at the end repeated the one before: cut"
    assert np.all(np.diff(whole.times) > 0)
    assert whole.times.size == 22


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4", "cut.avi", "cut.ts", "cut.mpg"])
def test_what_is_cut_short_is_read_and_marked_where_its_header_says_so(write_video, read, name):
    codec = {"cut.avi": "mpeg4", "cut.mpg": "mpeg2video"}.get(name, "libx264")
    options = {"movflags": "faststart"} if name == "cut.mp4" else {}
    path = Path(write_video(name, frames=500, codec=codec, container_options=options))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    audit = read(path, RECIPE).last
    assert 0 < audit.decoded_frames < 500
    if name not in ("cut.ts", "cut.mpg"):  # of these FFmpeg reckons the length from the size
        assert audit.partial or "of 20.0 s announced" in audit.objection


def test_a_file_with_noise_behind_it_is_read_to_its_end(write_video, read):
    path = Path(write_video("padded.mp4", frames=FRAMES))
    path.write_bytes(path.read_bytes() + bytes(4096) + b"\xff" * 4096)
    assert read(path, RECIPE).last.decoded_frames == FRAMES


def _sound(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))


def _picture(suffix: str):
    def write(path: Path) -> None:
        _, data = cv2.imencode(suffix, np.zeros((48, 64, 3), np.uint8))
        path.write_bytes(data.tobytes())

    return write


NO_VIDEO = {
    "nothing": (lambda path: path.touch(), "the file is empty"),
    "text": (lambda path: path.write_text("frame 1\nframe 2\n" * 99), "not a video that FFmpeg"),
    "html": (lambda path: path.write_text("<!doctype html><title>404</title>" * 99), "not a video"),
    "json": (lambda path: path.write_text('{"error": "not found"}'), "not a video"),
    "zeros": (lambda path: path.write_bytes(bytes(9999)), "not a video|no video stream"),
    "sound": (_sound, "no video stream"),
    "jpeg": (_picture(".jpg"), "a single picture, not a video"),
    "png": (_picture(".png"), "a single picture, not a video"),
    "bmp": (_picture(".bmp"), "a single picture, not a video"),
    "playlist": (
        lambda path: path.write_text(
            "#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST"
        ),
        "not a video|no video stream",
    ),
}


@pytest.mark.parametrize("kind", NO_VIDEO)
def test_what_is_no_video_says_so_in_one_line_whatever_its_suffix(tmp_path, read, kind):
    write, reason = NO_VIDEO[kind]
    path = tmp_path / "camera.mp4"
    write(path)
    with pytest.raises(DecodeError, match=reason) as caught:
        read(path, RECIPE)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
