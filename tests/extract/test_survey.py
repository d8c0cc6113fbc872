from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from extract.clock import Step
from extract.container import DecodeError
from extract.survey import UNTIMED, is_indexed, packets_from, survey

KEYS_AT_25 = {"options": {"g": "25", "x264-params": "scenecut=0"}}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_packets_are_those_of_the_table_from_wherever_they_are_read(write_video, name):
    found = survey(write_video(name, frames=100, **KEYS_AT_25))
    assert found.is_timed
    assert found.is_whole
    assert np.flatnonzero(found.keys).tolist() == [0, 25, 50, 75]
    np.testing.assert_array_equal(np.sort(found.shown), found.probe_info.timestamps)
    for number in (0, 25, 50, 61, 75):
        with packets_from(found, number) as (stream, packets):
            read = [packet.pts for packet in islice(packets, 10)]
            assert stream.index == found.probe_info.stream
        assert read == found.shown[number : number + 10].tolist()


def test_a_container_with_an_index_is_sought_and_others_are_read(write_video):
    assert is_indexed(survey(write_video("a.mkv")).probe_info)
    assert not is_indexed(survey(write_video("a.ts")).probe_info)


def test_where_seeking_leads_elsewhere_the_file_is_read_from_its_start(write_video):
    path = write_video("a.mp4", frames=100, **KEYS_AT_25)
    found = survey(path)
    strange = replace(found, shown=found.shown + 5 * (found.shown > found.shown[50]))
    with packets_from(strange, 75) as (_, packets):
        assert next(packets).pts == found.shown[75]


def test_decoding_begins_at_the_last_keyframe_but_one(write_video):
    found = survey(write_video(frames=100, **KEYS_AT_25))
    ticks = found.ticks_of(np.array([0.0, 1.5, 2.0, 3.9]))
    assert [found.keyframe_before(int(each)) for each in ticks] == [0, 0, 25, 50]


def test_the_clock_is_the_files_own(write_video):
    found = survey(write_video("a.mp4", ticks=[50 + n for n in range(40)]))
    assert found.clock(0.4) == pytest.approx(2.4)
    first, tick = int(found.probe_info.timestamps[0]), found.probe_info.tick
    steps = (Step(first + round(0.8 / tick), 3600.0),)
    stepped = replace(found, probe_info=replace(found.probe_info, steps=steps))
    assert stepped.clock(0.76) == pytest.approx(2.76)
    assert stepped.clock(0.8) == pytest.approx(3602.8)


def test_avi_says_no_times_and_a_file_that_is_none_says_why(write_video, tmp_path):
    found = survey(write_video("a.avi", codec="mpeg4", options={"bf": "2"}))
    assert not found.is_timed
    with pytest.raises(DecodeError, match="no such file"):
        survey(str(tmp_path / "gone.mp4"))


def test_images_have_no_packets(tmp_path):
    for number in range(16):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    found = survey(str(tmp_path), 4.0)
    assert found.shown.size == 0
    assert not found.is_timed
    assert found.clock(1.25) == 1.25


def test_the_mark_of_no_time_is_no_time_of_a_frame(write_video):
    found = survey(write_video("a.h264", format="h264"))
    assert found.shown.size == 40
    assert UNTIMED not in found.probe_info.timestamps
    assert not found.is_timed
