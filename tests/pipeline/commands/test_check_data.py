import shutil

import pytest

from pipeline.commands.check_data import CheckDataRun, render
from pipeline.stages.preflight import check_data

pytestmark = pytest.mark.data


@pytest.mark.slow
def test_each_defect_is_named(ucf_tree, shared_data, clip, plant, capsys):
    root = ucf_tree()

    def path(name):
        return next(root.rglob(f"{name}.mp4"))

    path("Abuse001_x264").unlink()
    path("Arrest002_x264").unlink()
    path("Arrest003_x264").rename(root / "Arrest003_x264 (1).mp4")
    for name, content in {
        "Arson002_x264": b"",
        "Arson003_x264": b"this is no video",
        "Arson005_x264": clip.read_bytes()[:2000],
    }.items():
        target = path(name)
        target.unlink()
        target.write_bytes(content)
    sound = path("Arson006_x264")
    sound.unlink()
    shutil.copy(shared_data / "videos" / "hard" / "afconvert-aac-0.5s.mp4", sound)
    (root / "other").mkdir()
    (root / "other" / "Assault001_x264.mp4").write_bytes(clip.read_bytes() + b"more")
    shutil.rmtree(root / "Anomaly-Videos-Part-4")
    shutil.rmtree(root / "Anomaly-Videos-Part-2" / "Burglary")
    (root / "Anomaly-Videos-Part-4.zip").write_bytes(b"PK")
    (root / "Explosion001_x264.mp4.crdownload").write_bytes(b"half")
    gone = path("Explosion002_x264")
    gone.unlink()
    gone.symlink_to("/nowhere/Explosion002_x264.mp4")
    plant(root / "holiday.mp4")

    report = check_data(CheckDataRun(root, lists=shared_data / "ucf"))
    assert render(report) == 3
    lines = "".join(capsys.readouterr().out.split())
    for said in (
        "Anomaly-Videos-Part-4: 200 of 200 missing, not unpacked",
        "Anomaly-Videos-Part-2: 101 of 200 missing, unpacked in part",
        "Anomaly-Videos-Part-4.zip",
        "Explosion001_x264.mp4.crdownload",
        "Abuse001_x264",
        "Arrest002_x264",
        "looks like it: 1",
        "Arrest003_x264 (1).mp4",
        "Arson002_x264.mp4",
        "Arson003_x264.mp4: not a video that FFmpeg can open",
        "Arson005_x264.mp4: not a video that FFmpeg can open",
        "Arson006_x264.mp4: there is no video stream",
        "different videos of one name, none is taken: 1",
        "other/Assault001_x264.mp4",
        "links that lead nowhere: 1",
        "holiday.mp4",
    ):
        assert "".join(said.split()) in lines, said
    lost = 200 + 101 + 3 + 4 + 1  # archives, absent or renamed, unreadable, ambiguous
    assert report.readable == 1900 - lost


def test_the_verdict_is_the_exit_code(small_ucf, tmp_path, plant, call, capsys):
    assert call("check-data", small_ucf) == 3
    assert "go, without 2 videos" in capsys.readouterr().out
    plant(small_ucf / "Abuse002_x264.mp4")
    plant(small_ucf / "Abuse003_x264.mp4")
    assert call("check-data", small_ucf, "--rate", 32) == 0
    out = capsys.readouterr().out
    assert "3 of 3 videos can be read" in out
    assert "at the given rate" in out
    assert "go: every listed video is there" in out
    for path in small_ucf.rglob("*.mp4"):
        path.unlink()
        path.write_text("no video")
    assert call("check-data", small_ucf) == 2
    assert "not one video can be read" in capsys.readouterr().out
