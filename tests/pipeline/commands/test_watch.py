import pytest

from pipeline.commands.watch import print_video, render
from pipeline.stages.watch import WatchReport
from stores.scores.rows import ScoredVideo


def test_each_video_is_one_line(capsys):
    print_video(ScoredVideo("a.mp4", "", "ok", "", 100, 4.0, 0.91, "fire", 2))
    print_video(ScoredVideo("b.mp4", "", "ok", "", 100, 4.0, 0.1, "", 0))
    lost = "1 frame lost at 1.7 s"
    print_video(ScoredVideo("d.mp4", "", "mismatch", lost, 99, 4.0, 0.91, "fire", 2))
    print_video(ScoredVideo("c.mp4", "", "failed", "no video stream", 0, 0.0, 0.0, "", 0))
    assert capsys.readouterr().out.splitlines() == [
        "a.mp4: 2 events, peak 0.91, fire",
        "b.mp4: 0 events, peak 0.10",
        "d.mp4: 2 events, peak 0.91, fire · 1 frame lost at 1.7 s",
        "c.mp4: failed: no video stream",
    ]


@pytest.mark.parametrize(
    ("failed", "stopped", "code"), [(0, False, 0), (1, False, 3), (1, True, 0)]
)
def test_one_that_was_stopped_has_done_all_that_it_should(failed, stopped, code, tmp_path):
    assert render(WatchReport(tmp_path, 2, 1, failed, stopped)) == code


def test_what_is_marked_is_counted_and_the_command_that_lists_it_named(tmp_path, capsys):
    render(WatchReport(tmp_path, 2, 1, 0, stopped=True, marked=2, cautions=("a guess",)))
    assert capsys.readouterr().out.endswith(
        "  2 videos are not what their files announce; see why: "
        f"python -m pipeline failures {tmp_path}\nCAUTION: a guess\n"
    )
