from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from stores.wall_clock import NameForm, shown_at, zone_named

BERLIN = ZoneInfo("Europe/Berlin")
UTC = timezone.utc
MORNING = datetime(2024, 11, 17, 8, 5, 9)

NAMES = {
    "Dahua, a file": ("ch1_main_20241117080509_20241117081000.dav", MORNING, "ch1_main"),
    "Dahua, FTP": ("gate/20241117_080509_tp00012.mp4", MORNING, ""),
    "Dahua, folders": (
        "2024-11-17/001/dav/08/08.05.09-08.10.00[M][0@0][0].mp4", MORNING, "001",
    ),
    "Hikvision, an export": ("yard/ch01_20241117080509.mp4", MORNING, "ch01"),
    "Hikvision, with an address": (
        "192.168.1.64_01_20241117080509123_1.mp4", MORNING, "192.168.1.64_01",
    ),
    "Axis": ("axis-ACCC8E000000/20241117/08/20241117_080509_5F2B_ACCC8E000000.mkv", MORNING, ""),
    "Blink, by its address": (
        "front-door-2024-11-17t08-05-09-00-00.mp4", MORNING.replace(tzinfo=UTC), "front-door",
    ),
    "Blink, sync module": ("24-11-17/08-05-09_FrontDoor_123.mp4", MORNING, "FrontDoor"),
    "Frigate, a recording": (
        "2024-11-17/08/gate/05.09.mp4", MORNING.replace(tzinfo=UTC), "gate",
    ),
    "Frigate, a clip": (
        "gate-1731830709.123456-abc123.mp4", MORNING.replace(tzinfo=UTC), "gate",
    ),
    "UniFi Protect": (
        "Front Door 11-17-2024, 08.05.09 GMT+1 - 11-17-2024, 08.15.09 GMT+1.mp4",
        MORNING.replace(tzinfo=timezone(timedelta(hours=1))), "Front Door",
    ),
    "BlackVue": ("20241117_080509_NF.mp4", MORNING, ""),
    "Viofo": ("20241117080509_000123F.MP4", MORNING, ""),
    "Viofo, older": ("2024_1117_080509_001.MP4", MORNING, ""),
    "Nextbase": ("241117_080509_001_FH.MP4", MORNING, ""),
    "Tesla": ("SavedClips/2024-11-17_08-05-09-front.mp4", MORNING, ""),
    "Ring": ("RingVideo_20241117_080509.mp4", MORNING, "RingVideo"),
    "OBS": ("2024-11-17 08-05-09.mkv", MORNING, ""),
    "ISO 8601": ("gate_2024-11-17T08:05:09+01:00.mp4",
                 MORNING.replace(tzinfo=timezone(timedelta(hours=1))), "gate"),
    "ISO 8601, short": ("gate-20241117T080509Z.mp4", MORNING.replace(tzinfo=UTC), "gate"),
}  # fmt: skip


@pytest.mark.parametrize("recorder", NAMES)
def test_names_of_recorders_tell_when_and_where(recorder):
    name, start, camera = NAMES[recorder]
    assert NameForm().find(name) == (start, camera)


@pytest.mark.parametrize(
    "name",
    [
        "Abuse001_x264.mp4",
        "v=xWR6l6Wn-hU__#1_label_B4-0-0.mp4",
        "01_0014.mp4",
        "20241301_080509.mp4",  # no such month
        "20240231080509.mp4",
        "1970-01-01_00-00-00.mp4",  # a clock that was not set
        "123456_123456.mp4",
        "2024111708050912345.mp4",  # a number of its own
        "hiv00012.mp4",
    ],
)
def test_other_numbers_are_no_times(name):
    assert NameForm().find(name) is None


def test_a_form_of_ones_own_takes_the_place_of_the_table():
    form = NameForm("%d.%m.%y um %Hh%M")
    assert form.find("Hof 17.11.24 um 08h05.mp4") == (datetime(2024, 11, 17, 8, 5), "")
    assert form.find("20241117_080509.mp4") is None
    assert NameForm("at %s").find("at 1731830709.ts").start == MORNING.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("own", "problem"), [("%Y-%q", "%q in .* is unknown"), ("%Y-%m", "no date and time")]
)
def test_a_form_that_says_too_little_is_refused(own, problem):
    with pytest.raises(ValueError, match=problem):
        NameForm(own)


def test_the_clock_on_the_wall_goes_back_and_forth_with_its_zone():
    autumn, spring = datetime(2024, 10, 27, 2, 59, 50), datetime(2024, 3, 31, 1, 59, 50)
    assert shown_at(autumn, 20, BERLIN) == datetime(2024, 10, 27, 2, 0, 10)
    assert shown_at(spring, 20, BERLIN) == datetime(2024, 3, 31, 3, 0, 10)
    assert shown_at(spring, 20, None) == datetime(2024, 3, 31, 2, 0, 10)
    assert shown_at(MORNING.replace(tzinfo=UTC), 0.5, BERLIN) == datetime(
        2024, 11, 17, 9, 5, 9, 500_000
    )
    assert shown_at(MORNING.replace(tzinfo=UTC), 0, None) == MORNING


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", ""])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(ValueError, match="write it as Europe/Berlin"):
        zone_named(name)
