import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.files.names import LONGEST, clock, counted, is_unicode, one_line, printable

SHOWN = {
    b"plain.mp4": "plain.mp4",
    "żó #1 & 防犯\u3000カメラ 👩‍🚒.mp4".encode(): "żó #1 & 防犯\u3000カメラ 👩‍🚒.mp4",
    b"caf\xe9.mp4": r"caf\xe9.mp4",
    b"caf\\xe9.mp4": r"caf\\xe9.mp4",
    b"two\nlines\x1b[31m": r"two\x0alines\x1b[31m",
    "\u2028".encode(): r"\u2028",
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_cannot_be_shown_is_escaped_and_all_else_stays(name):
    assert printable(os.fsdecode(name)) == SHOWN[name]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_different_names_stay_different_and_are_utf8(one, other):
    first, second = printable(os.fsdecode(one)), printable(os.fsdecode(other))
    assert (first == second) == (one == other)
    assert first.encode().decode() == first
    assert is_unicode(first)
    assert len(f"x{first}x".splitlines()) == 1 or "\x85" in first


def test_a_message_keeps_its_backslashes():
    assert one_line("C:\\x\n  failed: caf\udce9 ") == "C:\\x failed: caf\\xe9"
    assert not is_unicode("caf\udce9")


def test_one_thing_is_no_things():
    assert [counted(n, "video") for n in (0, 1, 2000)] == ["0 videos", "1 video", "2,000 videos"]


def test_times_are_read_as_on_a_player():
    times = {0.0: "0:00.0", 7.46: "0:07.5", 59.96: "1:00.0", 7232.0: "2:00:32.0"}
    assert {seconds: clock(seconds) for seconds in times} == times


def test_a_long_message_keeps_its_file_and_its_remedy():
    told = one_line("list.csv line 3: " + "x" * 1_000_000 + "; write it anew")
    assert told.startswith("list.csv line 3: xxx")
    assert told.endswith("xxx; write it anew")
    assert len(told) < LONGEST + 9
    assert one_line("y" * LONGEST) == "y" * LONGEST
