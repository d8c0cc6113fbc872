import pytest

from pipeline.commands.watch import print_video, render
from pipeline.stages.watch import WatchReport
from stores.scores.schema import ScoredVideo


def test_each_video_is_one_line(capsys):
    print_video(ScoredVideo("a.mp4", "", "ok", "", 100, 4.0, 0.91, "fire", 2))
    print_video(ScoredVideo("b.mp4", "", "ok", "", 100, 4.0, 0.1, "", 0))
    print_video(ScoredVideo("c.mp4", "", "failed", "no video stream", 0, 0.0, 0.0, "", 0))
    assert capsys.readouterr().out.splitlines() == [
        "a.mp4: 2 events, peak 0.91, fire",
        "b.mp4: 0 events, peak 0.10",
        "c.mp4: failed: no video stream",
    ]


@pytest.mark.parametrize(
    ("failed", "stopped", "code"), [(0, False, 0), (1, False, 3), (1, True, 0)]
)
def test_one_that_was_stopped_has_done_all_that_it_should(failed, stopped, code, tmp_path):
    assert render(WatchReport(tmp_path, 2, 1, failed, stopped)) == code
