from datetime import datetime, timezone

import pytest

from pipeline.views.report.clocks import Clocks

DAHUA = "yard/gate_20241027023000_20241027024000.dav"
CREATED = "2024-11-17T08:05:09+00:00"
MODIFIED = int(datetime(2024, 11, 17, 8, 6, 9, tzinfo=timezone.utc).timestamp() * 1e9)


def shown(milliseconds):
    return str(datetime.fromtimestamp(milliseconds / 1000, timezone.utc))[:19]


@pytest.mark.parametrize(
    ("video_id", "created", "modified", "source", "zone", "begin"),
    [
        (DAHUA, CREATED, MODIFIED, "name", "", "2024-10-27 02:30:00"),
        ("a.mp4", CREATED, MODIFIED, "container", "UTC", "2024-11-17 08:05:09"),
        ("a.mp4", "", MODIFIED, "modified", "UTC", "2024-11-17 08:05:09"),
        ("gate-1731830709.1-ab.mp4", "", 0, "name", "UTC", "2024-11-17 08:05:09"),
    ],
)
def test_the_best_witness_tells_and_is_named(video_id, created, modified, source, zone, begin):
    clock = Clocks(None, None, None).of(video_id, created, modified, seconds=60.0)
    assert (clock.source, clock.zone, shown(clock.at(0))) == (source, zone, begin)
    assert clock.at(0.25) - clock.at(0) == 250


@pytest.mark.parametrize("created", ["", "1904-01-01T00:00:00+00:00"])
def test_a_time_that_nobody_knows_is_none(created):
    clock = Clocks("Europe/Berlin", None, None).of("a.mp4", created, 0, seconds=60.0)
    assert (clock.source, clock.zone, clock.at(1.0)) == ("", "", None)


def test_a_zone_is_that_of_names_without_one_and_the_one_that_is_shown():
    clocks = Clocks("Europe/Berlin", None, None)
    late = clocks.of(DAHUA, "", 0, seconds=600.0)
    assert (late.zone, shown(late.at(0))) == ("Europe/Berlin", "2024-10-27 02:30:00")
    assert shown(late.at(45 * 60)) == "2024-10-27 02:15:00"  # summer time ended meanwhile
    assert shown(clocks.of("a.mp4", CREATED, 0, 60.0).at(0)) == "2024-11-17 09:05:09"


@pytest.mark.parametrize(
    ("video_id", "pattern", "camera"),
    [
        (DAHUA, None, "yard/gate"),
        ("2024-11-17/08/gate/05.09.mp4", None, "gate"),
        ("axis-ACCC8E/20241117/08/20241117_080509_5F.mkv", None, "axis-ACCC8E"),
        ("a.mp4", None, ""),
        ("site/cam07_x.mp4", r"cam(\d+)", "07"),
        ("site/cam07_x.mp4", r"cam\d+", "cam07"),
        ("site/other.mp4", r"cam(\d+)", ""),
    ],
)
def test_a_camera_is_a_folder_or_what_stands_before_a_time_or_a_pattern_finds(
    video_id, pattern, camera
):
    assert Clocks(None, None, pattern).of(video_id, "", 0, 1.0).camera == camera


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("Berlin", None, None), "no time zone is called 'Berlin'"),
        ((None, "%Q", None), "%Q in '%Q' is unknown"),
        ((None, None, "(cam"), r"--camera '\(cam' is no regular expression"),
    ],
)
def test_options_that_say_nothing_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        Clocks(*options)
