"""Both decoders down to the pixels: real files, hard files and generated ones."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import decord
import numpy as np
import pytest

from extract.container import DecodeError
from extract.decoders import resize
from extract.probe import probe
from extract.recipe import RECIPES
from extract.video import decord_objection

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
MIDDLE = replace(RECIPES["squash"], frames="middle", tail="keep")


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


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_variable_rate_times_are_those_of_the_file(write_video, frame_numbers, read, decoder):
    ticks = [0, 1, 2, 10, 11, 12, 40, 41, *range(50, 80)]
    path = write_video(frames=len(ticks), ticks=ticks)
    whole = read(path, MIDDLE, decoder=decoder)
    assert whole.times == pytest.approx(np.array(ticks) / 25)
    assert frame_numbers(whole.frames) == [8, 24, 37]
    assert whole.last.note == ""


def test_times_count_from_the_first_frame(write_video, read):
    whole = read(write_video("late.mkv", frames=5, ticks=[50, 51, 52, 53, 54]), EVERY)
    assert whole.times == pytest.approx(np.arange(5) / 25, abs=0.0011)


def test_missing_times_are_set_by_the_rate_and_said(write_video, read):
    # An elementary stream with B-frames has times for none or few of its frames.
    whole = read(write_video("raw.h264", frames=10), EVERY)
    assert whole.times.size == 10
    assert whole.times[0] == 0.0
    assert all(later > earlier for earlier, later in pairwise(whole.times))
    assert "set by the rate" in whole.last.note


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("340x256", (256, 340)), ("short256", (256, 401)), ("squash224", (224, 224))],
)
def test_pictures_have_the_recipes_size(write_video, read, mode, shape):
    path = write_video("odd.mkv", size=(47, 30), codec="ffv1", pixels="yuv444p", frames=2)
    assert read(path, replace(EVERY, resize=mode)).frames.shape == (2, *shape, 3)


def test_a_line_is_not_blown_up_to_gigabytes(write_video, read):
    path = write_video("line.mkv", size=(640, 2), codec="ffv1", pixels="yuv444p", frames=1)
    with pytest.raises(DecodeError, match="640×2 is too narrow"):
        read(path, replace(EVERY, resize="short256"))


def test_shrinking_averages_but_for_the_published_recipe():
    checks = np.zeros((448, 448, 3), dtype=np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    assert np.all(np.abs(resize(checks, (112, 112), "squash224").astype(int) - 128) <= 1)
    published = resize(checks, (150, 150), "340x256")
    assert np.array_equal(published, cv2.resize(checks, (150, 150)))
    assert published.std() > 20


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "8"}),
        ("libx264", {"x264-params": "intra-refresh=1:keyint=20"}),
        ("libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0"}),
        ("libx265", {"x265-params": "log-level=none:open-gop=1:keyint=12:bframes=4"}),
    ],
    ids=["b-frames", "intra-refresh", "open-gop", "open-gop-hevc"],
)
@pytest.mark.parametrize("frames", ["first", "middle", "mean16"])
def test_decord_shows_the_same_frames_around_difficult_keyframes(
    write_video, read, codec, options, frames
):
    path = write_video(frames=70, codec=codec, options=options)
    recipe = replace(EVERY, frames=frames)
    ours, truth = read(path, recipe, decoder="decord"), read(path, recipe, decoder="pyav")
    assert np.array_equal(ours.frames, truth.frames)
    assert np.array_equal(ours.times, truth.times)


def manifest(folder: Path) -> dict[str, int | None]:
    """Decoded frames of every real file, None for those that must be refused."""
    rows = re.findall(r"^\| (\S+/.+)$", (folder / "MANIFEST.md").read_text(), re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    lengths = {row[0]: None if row[3] == "-" else int(row[3]) for row in cells}
    # The manifest counts PyAV's first stream of this file; the best one is another.
    return lengths | {"generic/nasa_13013.mp4": 390}


LONG = 1000
"""Real files of more frames are read with PyAV alone, to save time; their like are shorter."""

LAST_TIMES = {
    "surveillance/traffic_camera.mp4": 23.0,
    "surveillance/traffic_camera_vfr.mp4": 34.48,  # the same frames at a variable rate
    "generic/v_GGSY1Qvo990.mp4": 354 / 19.62,
    "generic/test.avi": 163 / 25,
}
"""Seconds of some last frames."""


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.long
def test_every_real_file_has_its_known_length_and_one_set_of_pixels(shared_data, real_videos, read):
    expected = manifest(shared_data)
    assert set(expected) == set(real_videos)
    compared = []
    for name, count in expected.items():
        path = real_videos[name]
        if count is None:
            with pytest.raises(DecodeError, match=re.escape(f"{path}: ")):
                read(path, MIDDLE)
            continue
        truth = read(path, MIDDLE, decoder="pyav")
        assert truth.last.decoded_frames == truth.times.size == count, name
        assert truth.last.partial == (name in {"hard/corrupted.mp4", "hard/no_timescale.mp4"})
        assert len(truth.frames) == (count + 15) // 16, name
        assert truth.times[0] == 0.0
        assert np.all(np.diff(truth.times) > 0), name
        assert truth.times[-1] == pytest.approx(LAST_TIMES.get(name, truth.times[-1]), abs=1e-3)
        objection = decord_objection(probe(str(path)), MIDDLE)
        if not objection and not truth.last.partial and count <= LONG:
            ours = read(path, MIDDLE, decoder="decord")
            assert np.array_equal(ours.frames, truth.frames), name
            assert np.array_equal(ours.times, truth.times), name
            compared.append(name)
    assert len(compared) >= 10


@pytest.mark.data
@pytest.mark.parametrize("name", ["generic/part_0.mp4", "hard/h265_video.mp4"])
def test_every_frame_is_the_same_from_both_decoders(real_videos, read, name):
    truth = read(real_videos[name], EVERY, decoder="pyav")
    ours = read(real_videos[name], EVERY, decoder="decord")
    assert np.array_equal(ours.frames, truth.frames)
    assert np.array_equal(ours.times, truth.times)


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


@pytest.mark.slow
def test_torch_computes_after_decord_was_imported():
    """Left to itself decord2 puts NVBLAS under a torch that is imported later (dmlc/decord#293)."""
    code = "import extract.decoders, torch; print((torch.ones(99, 99) @ torch.ones(99, 99)).sum())"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "tensor(970299.)"), done.stderr
