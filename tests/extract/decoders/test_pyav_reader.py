"""Every kind of file that PyAV can write here, read back and counted, and hard real ones."""

from dataclasses import replace
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from extract.decoders.pixels import resize
from extract.recipe import RECIPES

FRAMES = 40
RECIPE = RECIPES["squash"]
EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
MIDDLE = replace(RECIPES["squash"], frames="middle", tail="keep")

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
    assert audit.mismatch == ""
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
    assert whole.last.mismatch == "5 frames at the end repeated the one before: cut"
    assert np.all(np.diff(whole.times) > 0)
    assert whole.times.size == 22


def test_a_file_with_noise_behind_it_is_read_to_its_end(write_video, read):
    path = Path(write_video("padded.mp4", frames=FRAMES))
    path.write_bytes(path.read_bytes() + bytes(4096) + b"\xff" * 4096)
    assert read(path, RECIPE).last.decoded_frames == FRAMES


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("h264.mp4", "libx264", "yuv420p"),
        ("h264.mkv", "libx264", "yuv420p"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("lossless.mkv", "ffv1", "yuv444p"),
    ],
)
def test_every_frame_comes_in_order_with_its_time(
    write_video, frame_numbers, read, name, codec, pixels
):
    fine = {"qmin": "1", "qmax": "2"} if codec == "mpeg4" else {}
    whole = read(write_video(name, frames=40, codec=codec, pixels=pixels, options=fine), EVERY)
    assert frame_numbers(whole.frames) == list(range(40))
    assert whole.segments.tolist() == [i // 16 for i in range(40)]
    assert whole.times == pytest.approx(np.arange(40) / 25, abs=0.0011)
    assert (whole.last.expected_frames, whole.last.decoded_frames) == (40, 40)
    assert not whole.last.partial
    assert whole.last.note == ""


@pytest.mark.data
def test_rotated_files_come_upright(real_videos, read):
    recipe = replace(MIDDLE, resize="short256")
    assert read(real_videos["hard/ios9.mov"], recipe).frames.shape[1:3] == (455, 256)
    assert read(real_videos["hard/fire2.mp4"], recipe).frames.shape[1:3] == (256, 455)


@pytest.mark.data
def test_upright_is_what_decord_holds_for_upright(real_videos, read):
    path = str(real_videos["hard/ios9.mov"])
    theirs = decord.VideoReader(path, num_threads=1).next().asnumpy()
    ours = read(path, replace(EVERY, frames="first")).frames[0]
    assert np.array_equal(ours, resize(theirs, (224, 224), "squash224"))
