"""Frame times and audits, as every decoder notes them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from extract.recipe import RECIPES

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
MIDDLE = replace(RECIPES["squash"], frames="middle", tail="keep")


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


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4", "cut.avi", "cut.ts", "cut.mpg"])
def test_what_is_cut_short_is_read_and_a_mismatch_where_its_header_says_so(write_video, read, name):
    codec = {"cut.avi": "mpeg4", "cut.mpg": "mpeg2video"}.get(name, "libx264")
    options = {"movflags": "faststart"} if name == "cut.mp4" else {}
    path = Path(write_video(name, frames=500, codec=codec, container_options=options))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    audit = read(path, MIDDLE).last
    assert 0 < audit.decoded_frames < 500
    if name not in ("cut.ts", "cut.mpg"):  # of these FFmpeg reckons the length from the size
        assert audit.partial or "of 20.0 s announced" in audit.mismatch
