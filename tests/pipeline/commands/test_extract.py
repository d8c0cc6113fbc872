from pipeline.commands.extract import render
from pipeline.stages.extract import ExtractReport
from stores.records import Failure, VideoItem


def test_what_is_extracted_already_is_counted(footage, extracted, call, capsys):
    assert call("extract", "--root", footage, "--out", extracted) == 0
    out = capsys.readouterr().out
    folder = extracted / "synthetic" / "features"
    assert out == f"features: 0 videos extracted, 14 were there · {folder}\n"


def test_failures_are_named_and_set_the_exit_code(tmp_path, capsys):
    failure = Failure(VideoItem("a.mp4", ""), "no video stream")
    report = ExtractReport(tmp_path, 3, 1, (failure,), 1200, 2.0, marked=1)
    assert render(report) == 3
    assert capsys.readouterr().out.splitlines() == [
        f"features: 3 videos extracted, 1 were there; 1,200 frames in 2.0 s, 600/s · {tmp_path}",
        "  1 video is not what its file announces; see why: "
        f"python -m pipeline failures {tmp_path}",
        "  failed: a.mp4: no video stream",
    ]
