"""decord against PyAV, frame by frame, and the files that it must not read."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extract.container import DecodeError
from extract.decoders.decord_reader import is_preferred, unfit_reason
from extract.probe import probe
from extract.recipe import RECIPES

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
MIDDLE = replace(RECIPES["squash"], frames="middle", tail="keep")


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
    # The manifest counts PyAV's first stream of this file; the best one is another. Of the damaged
    # ones it counts the frames before the damage.
    return lengths | {"generic/nasa_13013.mp4": 390} | DAMAGED


DAMAGED = {"hard/corrupted.mp4": 49, "hard/no_timescale.mp4": 170}
"""Frames of real files in which some are lost."""

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
        assert not truth.last.partial
        if "avi" not in name:  # whose header announces frames that are not there
            assert (truth.last.lost_frames > 0) == (name in DAMAGED), name
        assert len(truth.frames) == (count + 15) // 16, name
        assert truth.times[0] == 0.0
        assert np.all(np.diff(truth.times) > 0), name
        assert truth.times[-1] == pytest.approx(LAST_TIMES.get(name, truth.times[-1]), abs=1e-3)
        reason = unfit_reason(probe(str(path)), MIDDLE)
        if not reason and not truth.last.lost_frames and count <= LONG:
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


def test_decord_is_refused_what_it_could_not_hold(write_video):
    probe_info = probe(write_video(size=(640, 480), frames=2))
    probe_info = replace(probe_info, frames=2000, timestamps=np.arange(2000))
    assert "1843 MB" in unfit_reason(probe_info, EVERY)
    assert unfit_reason(probe_info, MIDDLE) == ""


@pytest.mark.data
def test_auto_takes_decord_for_the_regular_one_of_two_twins(real_videos):
    even = probe(str(real_videos["surveillance/traffic_camera.mp4"]))
    uneven = probe(str(real_videos["surveillance/traffic_camera_vfr.mp4"]))
    assert (is_preferred(even, MIDDLE), is_preferred(uneven, MIDDLE)) == (True, False)


@pytest.mark.slow
def test_torch_computes_after_decord_was_imported():
    """Left to itself decord2 puts NVBLAS under a torch that is imported later (dmlc/decord#293)."""
    code = "import extract.decoders.decord_reader"
    code += "; import torch; print((torch.ones(99, 99) @ torch.ones(99, 99)).sum())"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "tensor(970299.)"), done.stderr
