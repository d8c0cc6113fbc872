import logging

import pytest

from pipeline.console import (
    print_cautions,
    print_failures,
    print_line,
    print_table,
    progress_bar,
    show_logs,
    speed,
)
from pipeline.engine.events import FramesRead, VideoFailed, VideoFinished
from stores.records import Failure, VideoItem


def test_names_are_only_names(capsys):
    print_line("[red]a[/red] :fire: \N{FIRE}" + " long" * 60)
    print_table("t", {"[b]name": "left", "n": "right"}, [("[red]a", "1")])
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("[red]a[/red] :fire: ")
    assert out.splitlines()[0].endswith("long")
    assert "[b]name" in out
    assert "[red]a" in out


@pytest.mark.parametrize(("count", "code", "lines"), [(0, 0, 0), (2, 3, 2), (12, 3, 11)])
def test_ten_failures_are_printed_and_the_others_counted(count, code, lines, capsys):
    failures = [Failure(VideoItem(f"{n}.mp4", ""), "no\nstream") for n in range(count)]
    assert print_failures(failures) == code
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    assert count <= 10 or printed[-1] == "  … and 2 more"


def test_a_caution_is_one_without_colours(capsys):
    print_cautions(["not calibrated", "a guess"])
    assert capsys.readouterr().out == "CAUTION: not calibrated\nCAUTION: a guess\n"


def test_speed_is_left_out_where_nothing_was_read():
    assert speed(0, 0.0) == ""
    assert speed(3000, 2.0) == "; 3,000 frames in 2.0 s, 1,500/s"


def test_a_progress_bar_takes_every_event_and_leaves_results_alone(capsys):
    item = VideoItem("a", "")
    with progress_bar("extract", 2) as show:
        for event in (FramesRead(64), VideoFinished(item), VideoFailed(Failure(item, "gone"))):
            show(event)
    assert capsys.readouterr().out == ""


def test_records_of_our_packages_are_plain_lines_on_standard_error(capsys):
    show_logs()
    show_logs()
    logging.getLogger("pipeline.stages.train").info("training on %s", "[b]ucf")
    logging.getLogger("pipeline.stages.train").debug("not for users")
    logging.getLogger("elsewhere").info("not ours")
    printed = capsys.readouterr()
    assert printed.err == "training on [b]ucf\n"
    assert printed.out == ""
