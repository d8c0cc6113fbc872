from dataclasses import replace

import numpy as np
import pytest

from extract.recipe import RECIPES
from extract.scored_frames import (
    AstrayError,
    end_of,
    read_from_keyframe,
    read_from_start,
    readers_of,
)
from extract.survey import survey

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")


@pytest.fixture
def numbers(frame_numbers):
    def read(frames):
        return frame_numbers(np.stack([frame.to_ndarray(format="rgb24") for frame in frames]))

    return read


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_both_ways_lead_to_the_same_frames(write_video, read, numbers, name):
    path = write_video(name, frames=100, options={"g": "12", "bf": "2"})
    found, times = survey(path), read(path, EVERY).times
    assert readers_of(found) == (read_from_keyframe, read_from_start)
    for reader in readers_of(found):
        assert numbers(reader(found, times, 61, 73)) == [n % 40 for n in range(61, 73)]


def test_of_a_file_without_times_all_is_read(write_video, read, numbers):
    path = write_video("a.avi", codec="mpeg4", options={"bf": "2", "qmin": "1", "qmax": "2"})
    found, times = survey(path), read(path, EVERY).times
    assert readers_of(found) == (read_from_start,)
    assert numbers(read_from_start(found, times, 21, 33)) == list(range(21, 33))


def test_frames_that_are_not_those_of_the_rows_are_told(write_video, read):
    path = write_video(frames=60)
    found, times = survey(path), read(path, EVERY).times
    for wrong in (np.delete(times, 25), times + 0.021, np.append(times, 2.4)):
        for reader in readers_of(found):
            with pytest.raises(AstrayError):
                list(reader(found, wrong, 20, len(wrong)))


def test_a_row_ends_with_the_next_one_or_as_the_one_before():
    times = np.array([0.0, 0.1, 0.3, 60.0, 60.1])
    assert end_of(times, 2) == 0.3
    assert end_of(times, 3) == pytest.approx(0.5)
    assert end_of(times, 5) == pytest.approx(60.2)
    assert end_of(times[:1], 1) == 0.0
