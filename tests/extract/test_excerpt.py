"""Stretches as MP4s: whatever the source, the frames are those of the rows, at their times."""

import random
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from PIL import Image

from extract.container import DecodeError
from extract.excerpt import EXACT, cut_excerpt
from extract.excerpt_copy import Span
from extract.recipe import RECIPES
from extract.stills import read_pictures
from extract.survey import survey

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
FRAMES = 120
H264 = {"codec": "libx264"}
HEVC = {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=25"}}
FORMATS = {
    "h264.mp4": H264,
    "h264.mov": H264 | {"options": {"bf": "0", "g": "25"}},
    "h264.mkv": H264,
    "h264.ts": H264,
    "h264.avi": H264 | {"options": {"bf": "0", "g": "25"}},
    "h264.flv": H264,
    "h264.h264": H264 | {"format": "h264"},
    "10-bit.mp4": H264 | {"pixels": "yuv420p10le"},
    "odd-size.mp4": H264 | {"pixels": "yuv444p", "size": (63, 47)},
    "full-range.mp4": H264 | {"pixels": "yuvj420p"},
    "vfr.mkv": H264 | {"ticks": [i + i // 7 + i // 11 for i in range(FRAMES)]},
    "late.mp4": H264 | {"ticks": [100 + 2 * i for i in range(FRAMES)]},
    "hevc.mp4": HEVC,
    "hevc.ts": HEVC,
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "25", "bf": "2", "qmin": "1", "qmax": "2"}},
    "mpeg4.mp4": {"codec": "mpeg4", "options": {"g": "25", "qmin": "1", "qmax": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "25", "deadline": "realtime"}},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "av1.mkv": {"codec": "libsvtav1", "size": (64, 64)},
    "wmv.asf": {"codec": "wmv2"},
    "lossless.mkv": {"codec": "ffv1"},
    "animation.gif": {"codec": "gif", "pixels": "rgb8", "options": {}},
}
ENCODED = {
    *("h264.avi", "h264.h264", "mpeg4.avi", "mjpeg.avi", "vp8.webm", "wmv.asf", "lossless.mkv"),
    "animation.gif",
}
DAILY = (
    *("h264.mov", "h264.mkv", "h264.ts", "h264.flv", "odd-size.mp4", "vfr.mkv", "late.mp4"),
    *("hevc.mp4", "mpeg4.avi", "mjpeg.avi", "mpeg2.ts", "vp9.webm", "animation.gif"),
)
"""Formats that are cut every day; the others are with the long tests."""


@pytest.fixture
def film(write_video, read):
    """Write a video of a format; return its path and the times of the rows that it would have."""

    def make(name, frames=FRAMES, **changes):
        options = {"options": {"g": "25"}} | FORMATS[name] | changes
        if options["codec"] not in av.codecs_available:
            pytest.skip(f"this FFmpeg does not write {options['codec']}")
        path = write_video(name, frames=frames, **options)
        return path, read(path, EVERY).times

    return make


def shown(path):
    """Times and pictures of a file as PyAV gives them, without any reader of ours."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [
            (float(frame.pts * stream.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ]
    times, pictures = zip(*found, strict=True)
    return np.asarray(times), np.stack(pictures)


def check(target, made, times, span, frame_numbers):
    """Check a clip of a video of numbered greys against the rows that it is said to hold."""
    assert span.first <= made.first <= span.start
    assert span.end <= made.last <= span.last
    seconds, pictures = shown(target)
    rows = times[made.first : made.last]
    assert len(seconds) == len(rows)
    np.testing.assert_allclose(seconds, rows - rows[0], atol=EXACT)
    assert frame_numbers(pictures) == [n % 40 for n in range(made.first, made.last)]


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in DAILY else pytest.mark.long) for n in FORMATS],
)
def test_frames_and_times_are_those_of_the_rows(film, tmp_path, frame_numbers, name):
    path, times = film(name)
    span, target = Span(33, 58, 80, 105), tmp_path / "clip.mp4"
    made = cut_excerpt(path, target, survey(path), times, span)
    check(target, made, times, span, frame_numbers)
    assert made.method == ("encoded" if name in ENCODED else "copied"), made.reason
    assert (made.codec == "h264") or made.method == "copied"
    with av.open(path) as container:
        start = container.streams.video[0].start_time or 0
        first = float(start * container.streams.video[0].time_base)
    late = 0.0 if name.endswith((".avi", ".h264")) else first  # whose starts FFmpeg guesses
    assert made.start == pytest.approx(late + times[made.first], abs=0.05)
    assert made.end - made.start == pytest.approx(times[made.last] - times[made.first], abs=EXACT)


@pytest.mark.long
def test_random_events_over_all_formats(film, tmp_path, frame_numbers):
    chance, names = random.Random(5), sorted(FORMATS)
    copied = 0
    for number in range(50):
        name = names[number % len(names)]
        path, times = film(name, chance.randint(60, 120))
        start = chance.randint(0, len(times) - 2)
        end = chance.randint(start + 1, len(times))
        before, after = chance.uniform(0, 2), chance.uniform(0, 2)
        first = int(np.searchsorted(times, times[start] - before))
        span = Span(
            first, start, end, max(end, int(np.searchsorted(times, times[end - 1] + after)))
        )
        target = tmp_path / f"{number}.mp4"
        made = cut_excerpt(path, target, survey(path), times, span)
        check(target, made, times, span, frame_numbers)
        copied += made.method == "copied"
    assert 10 < copied < 40


def small(picture):
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA).astype(int)


@pytest.mark.long
@pytest.mark.data
@pytest.mark.parametrize("folder", ["generic", "hard", "surveillance"])
def test_random_events_of_real_files(real_videos, read, tmp_path, folder):
    chance, cut = random.Random(3), 0
    for name in [name for name in real_videos if name.startswith(f"{folder}/")]:
        path, target = str(real_videos[name]), tmp_path / "clip.mp4"
        try:
            times = read(path, RECIPES["demo"]).times
        except DecodeError:
            continue
        start = chance.randrange(max(1, len(times) - 40))
        end = min(len(times), start + chance.randrange(16, 60))
        first, last = np.searchsorted(times, [times[start] - 2, times[end - 1] + 2]).tolist()
        span = Span(first, start, end, max(last, end))
        made = cut_excerpt(path, target, survey(path), times, span)
        rows = slice(made.first, made.last)
        source = map(small, islice(read_pictures(path), made.first, made.last))
        ours = map(small, read_pictures(str(target)))
        apart = [np.abs(a - b).mean() for a, b in zip(source, ours, strict=True)]
        assert max(apart) < (0.01 if made.method == "copied" else 3), name
        found = read(str(target), RECIPES["demo"]).times
        np.testing.assert_allclose(found, times[rows] - times[made.first], atol=EXACT)
        cut += 1
    assert cut > 5


def test_without_a_keyframe_in_the_margin_it_is_encoded_from_its_first_row(
    film, tmp_path, frame_numbers
):
    path, times = film("h264.mp4")
    span, target = Span(42, 44, 60, 62), tmp_path / "clip.mp4"
    made = cut_excerpt(path, target, survey(path), times, span)
    check(target, made, times, span, frame_numbers)
    assert (made.method, made.first, made.last) == ("encoded", 42, 62)
    assert made.reason == "no keyframe within the margin before"


def test_encoding_may_be_asked_for(film, tmp_path, frame_numbers):
    path, times = film("hevc.mp4")
    span, target = Span(33, 58, 80, 105), tmp_path / "clip.mp4"
    made = cut_excerpt(path, target, survey(path), times, span, encode=True)
    check(target, made, times, span, frame_numbers)
    assert (made.method, made.codec, made.reason) == ("encoded", "h264", "it was asked for")


def textured(frames, size=(96, 64)):
    """Pictures of noise that moves, so that a picture cannot be had without those it refers to."""
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0] + frames, 1), np.uint8)
    noise = noise.repeat(3, axis=2)
    return [np.ascontiguousarray(noise[:, n : n + size[0]]) for n in range(frames)]


def write_textured(path, options, *, matrix=None, aspect=None, message=""):
    """Write such a video, laid down by a matrix or by a message in the stream."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        if matrix:
            stream.set_display_matrix(matrix)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        filtered = BitStreamFilterContext(message, stream) if message else None
        for number, picture in enumerate([*textured(75), None]):
            frame = None
            if picture is not None:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in stream.encode(frame):
                container.mux(filtered.filter(packet) if filtered else packet)
    return str(path)


def worst_difference(path, target, made):
    """The largest mean difference of a clip's picture from its row's; of neighbours it is 80."""
    source, ours = (
        list(read_pictures(path))[made.first : made.last],
        list(read_pictures(str(target))),
    )
    assert len(source) == len(ours)
    return max(np.abs(a.astype(int) - b).mean() for a, b in zip(source, ours, strict=True))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("open.ts", {"x264-params": "open-gop=1:keyint=15:bframes=3:scenecut=0"}),
        ("open.mkv", {"x264-params": "open-gop=1:keyint=15:bframes=3:scenecut=0"}),
        ("refresh.mp4", {"x264-params": "intra-refresh=1:keyint=15:scenecut=0:bframes=0"}),
        ("refresh.ts", {"x264-params": "intra-refresh=1:keyint=15:scenecut=0:bframes=0"}),
    ],
)
def test_no_clip_shows_pictures_without_what_they_refer_to(tmp_path, read, name, options):
    path, target = write_textured(tmp_path / name, options), tmp_path / "clip.mp4"
    times = read(path, EVERY).times
    made = cut_excerpt(path, target, survey(path), times, Span(20, 40, 50, 60))
    assert worst_difference(path, target, made) < (0.01 if made.method == "copied" else 12)


@pytest.mark.parametrize("encode", [True, False])
@pytest.mark.parametrize(
    "matrix",
    [None, [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], [-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30]],
)
def test_rotated_and_non_square_pixels_are_shown_as_before(tmp_path, read, matrix, encode):
    options = {"g": "15"}
    path = write_textured(tmp_path / "a.mp4", options, matrix=matrix, aspect=Fraction(4, 3))
    target, times = tmp_path / "clip.mp4", read(path, EVERY).times
    made = cut_excerpt(path, target, survey(path), times, Span(10, 40, 50, 60), encode=encode)
    assert made.method == ("encoded" if encode else "copied")
    assert worst_difference(path, target, made) < 12
    swaps = encode and matrix is not None and matrix[0] == 0
    with av.open(str(target)) as container:
        aspect = container.streams.video[0].sample_aspect_ratio
    assert aspect == (Fraction(3, 4) if swaps else Fraction(4, 3))


def test_sides_that_turn_by_a_message_in_the_stream_stay_turned(tmp_path, read):
    message = "h264_metadata=display_orientation=insert:rotate=90"
    path = write_textured(tmp_path / "turned.ts", {"bf": "0"}, message=message)
    found, target = survey(path), tmp_path / "clip.mp4"
    made = cut_excerpt(path, target, found, read(path, EVERY).times, Span(0, 40, 50, 60))
    assert made.method == "copied"
    assert found.probe_info.orientation.exchanges_sides
    assert worst_difference(path, target, made) < 0.01


def test_images_of_a_folder_are_a_clip_too(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in [n for n in range(40) if n != 12]:
        Image.new("RGB", (51, 35), (6 * number,) * 3).save(folder / f"{number:03d}.png")
    times = np.array([n for n in range(40) if n != 12]) / 10
    target, found = tmp_path / "clip.mp4", survey(str(folder), 10.0)
    made = cut_excerpt(str(folder), target, found, times, Span(5, 10, 20, 25))
    seconds, pictures = shown(target)
    np.testing.assert_allclose(seconds, times[5:25] - times[5], atol=EXACT)
    greys = pictures.reshape(len(pictures), -1).mean(axis=1)
    np.testing.assert_allclose(greys, 60 * times[5:25], atol=4)
    assert (made.method, made.sound, made.remark) == ("encoded", "", "")
    assert made.start == pytest.approx(0.5)


def test_damage_is_passed_over_as_it_was_in_scoring(film, spoil, read, tmp_path):
    path, _ = film("h264.mp4")
    spoil(path, [60, 61])
    times = read(path, EVERY).times
    assert len(times) < FRAMES
    target = tmp_path / "clip.mp4"
    made = cut_excerpt(path, target, survey(path), times, Span(30, 45, 75, 90))
    seconds, _ = shown(target)
    np.testing.assert_allclose(
        seconds, times[made.first : made.last] - times[made.first], atol=EXACT
    )


def test_other_frames_than_were_scored_are_refused(film, tmp_path):
    path, times = film("h264.mp4")
    for wrong in (times * 2, times + 0.013, np.append(times, times[-1] + 0.04)):
        span = Span(60, 70, len(wrong), len(wrong))
        with pytest.raises(DecodeError, match="has not the frames that were scored; it changed"):
            cut_excerpt(path, tmp_path / "c.mp4", survey(path), wrong, span)


def test_a_disk_that_is_full_is_an_error_of_the_system(film):
    path, times = film("h264.mp4")
    with pytest.raises(OSError, match="No space left on device"):
        cut_excerpt(path, Path("/dev/full"), survey(path), times, Span(33, 58, 80, 105))
