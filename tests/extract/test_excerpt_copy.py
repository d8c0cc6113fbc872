from dataclasses import replace

import numpy as np
import pytest

from extract.clock import Step
from extract.excerpt_copy import Run, Span, copy_run, find_run
from extract.recipe import RECIPES
from extract.survey import survey

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
KEYS_AT_25 = {"options": {"g": "25", "bf": "0", "x264-params": "scenecut=0"}}


@pytest.fixture
def film(write_video, read):
    path = write_video("a.mkv", frames=100, **KEYS_AT_25)
    return survey(path), read(path, EVERY).times


def test_a_run_begins_at_the_first_keyframe_of_the_margin_and_takes_all_of_the_other(film):
    assert find_run(*film, Span(20, 60, 70, 90)) == Run(25, 90, 25, 90)
    assert find_run(*film, Span(26, 50, 51, 51)) == Run(50, 51, 50, 51)
    assert find_run(*film, Span(0, 0, 100, 100)) == Run(0, 100, 0, 100)


def test_with_frames_in_another_order_it_ends_where_all_before_were_shown(write_video, read):
    options = {"g": "25", "bf": "3", "x264-params": "scenecut=0:b-adapt=0"}
    path = write_video("b.mp4", frames=100, options=options)
    found, times = survey(path), read(path, EVERY).times
    for last in range(60, 80):
        run = find_run(found, times, Span(20, 40, 55, last))
        assert (run.begin, run.first) == (25, 25)
        assert 55 <= run.last <= last
        assert last - run.last < 4
        assert run.stop - run.begin == run.last - run.first
    assert find_run(found, times, Span(20, 40, 48, 48)) == (
        "no place to end within the margin after"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codec": "vp8"}, "MP4 has no place for vp8"),
        ({"container": "avi"}, "its file does not say of each picture when it is shown"),
        ({"steps": (Step(9, 3600.0),)}, "its clock steps"),
    ],
)
def test_what_cannot_be_copied_says_why(film, change, said):
    found, times = film
    changed = replace(found, probe_info=replace(found.probe_info, **change))
    assert find_run(changed, times, Span(20, 60, 70, 90)) == said


def test_rows_that_the_packets_do_not_show_are_no_run(film):
    found, times = film
    assert find_run(found, times, Span(26, 40, 45, 49)) == "no keyframe within the margin before"
    halved = replace(found, is_whole=False)
    assert find_run(halved, times, Span(20, 60, 70, 90)) == "its packets are not a picture each"
    fewer = np.delete(times, 61)
    said = "its packets are not the frames that were scored"
    assert find_run(found, fewer, Span(20, 60, 70, 90)) == said


def test_a_copy_that_shows_other_pictures_is_none(film, tmp_path):
    found, times = film
    run = find_run(found, times, Span(20, 60, 70, 90))
    assert copy_run(found, times, run, tmp_path / "a.mp4") == ("", "")
    # Not from a keyframe: what its pictures refer to is not there.
    wrong = Run(31, 90, 31, 90)
    assert isinstance(copy_run(found, times, wrong, tmp_path / "b.mp4"), str)
