import shutil

import numpy as np
import pytest
from PIL import Image

from model.scoring.events import label_all
from pipeline.commands.plot import PlotRun
from pipeline.views.plot import plot
from stores.datasets.synthetic.footage import write_video
from stores.files.roots import record_root
from stores.records import EventRule, Failure, StoreError, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

HEADER = ScoreHeader(("normal", "fire", "flood"), "m", "r", EventRule())


@pytest.fixture
def scores(tmp_path):
    """A folder of scores of two videos, of which one is there, and of a failure."""
    path = tmp_path / "cam 1" / "a.mp4"
    write_video(
        path,
        (np.full((96, 128, 3), (30, 160, 30), dtype=np.uint8) for _ in range(64)),
        codec="h264",
        fps=25,
        seed=0,
    )
    score = np.full(64, 0.1, dtype=np.float32)
    score[16:32] = 0.9
    both = [
        VideoScores(
            item=VideoItem(f"cam 1/{name}", str(tmp_path / "cam 1" / name)),
            times=np.arange(64) / 25,
            score=score,
            probabilities=np.stack([1 - score, score, 0 * score], axis=1),
        )
        for name in ("a.mp4", "b.mp4")
    ]
    failure = Failure(VideoItem("c.mp4", ""), "no video stream")
    write_scores(tmp_path / "scores", HEADER, label_all(both, HEADER), [failure])
    record_root(tmp_path / "scores", tmp_path / "cam 1")
    return tmp_path / "scores"


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def share(picture, colour):
    """The share of pixels near a colour."""
    return float((np.abs(picture - colour).max(axis=2) < 25).mean())


def test_the_picture_has_stills_curve_threshold_and_the_event(scores):
    made = plot(PlotRun("a.mp4", scores=scores))
    assert made == scores / "plots" / "cam_1_a.mp4.png"
    picture = pixels(made)
    assert share(picture, (30, 160, 30)) > 0.08  # eight stills
    assert share(picture, (0x1F, 0x4E, 0x9C)) > 0.001  # the curve
    shaded = (np.abs(picture - picture[-1, -1]).sum(axis=2) > 60).mean()
    assert shaded > 0.1


def test_without_the_video_there_is_a_picture_without_stills(scores, caplog, tmp_path):
    made = plot(PlotRun("cam 1/b.mp4", scores=scores, png=tmp_path / "b.png"))
    assert share(pixels(made), (30, 160, 30)) == 0
    assert "without thumbnails" in caplog.text


def test_of_a_copy_the_video_is_opened_where_its_folder_is_named(scores, caplog, tmp_path):
    foreign = shutil.copytree(scores, tmp_path / "foreign")
    made = plot(PlotRun("a.mp4", scores=foreign))
    assert share(pixels(made), (30, 160, 30)) == 0
    assert "without thumbnails: " in caplog.text
    assert "lies below no folder that a run recorded here" in caplog.text
    with pytest.raises(StoreError, match="give the folder of the videos"):
        plot(PlotRun("a.mp4", scores=foreign, overlay=tmp_path / "o.mp4"))
    assert not (tmp_path / "o.mp4").exists()
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "cam 1", tmp_path / "moved")
    made = plot(PlotRun("a.mp4", scores=foreign, videos=tmp_path / "moved"))
    assert share(pixels(made), (30, 160, 30)) > 0.08


def test_thumbnails_that_take_too_long_are_left_out(scores, caplog):
    picture = plot(PlotRun("a.mp4", scores=scores, deadline=0.001))
    assert "a.mp4: no answer within 0 s; decoder killed" in caplog.text
    assert share(pixels(picture), (30, 160, 30)) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cam 1/d.mp4", "no video cam 1/d.mp4 in .*; perhaps cam 1/b.mp4, cam 1/a.mp4"),
        (".mp4", "means 3 videos"),
        ("c.mp4", "c.mp4 has no scores: no video stream"),
    ],
)
def test_a_name_that_does_not_say_which_video_is_refused(scores, name, said):
    with pytest.raises(StoreError, match=said):
        plot(PlotRun(name, scores=scores))


def test_the_overlay_is_written_beside_and_must_be_an_mp4(scores, tmp_path):
    plot(PlotRun("a.mp4", scores=scores, overlay=tmp_path / "o.mp4"))
    assert (tmp_path / "o.mp4").stat().st_size > 1000
    with pytest.raises(ValueError, match="--overlay writes MP4"):
        plot(PlotRun("a.mp4", scores=scores, overlay=tmp_path / "o.avi"))


def test_a_folder_without_scores_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(StoreError, match=f"no scores in {folder}; run `make score`"):
            plot(PlotRun("a.mp4", scores=folder))
