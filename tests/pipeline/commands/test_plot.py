import numpy as np

from model.scoring.events import label_all
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores


def test_the_picture_is_named_and_a_video_that_is_gone_a_warning(call, tmp_path, capsys):
    header = ScoreHeader(("normal", "fire"), "m", "r", EventRule())
    score = np.full(64, 0.1, dtype=np.float32)
    scores = VideoScores(
        item=VideoItem("a.mp4", "/nowhere/a.mp4"),
        times=np.arange(64) / 25,
        score=score,
        probabilities=np.stack([1 - score, score], axis=1),
    )
    write_scores(tmp_path, header, label_all([scores], header))
    assert call("plot", "a.mp4", "--scores", tmp_path) == 0
    printed = capsys.readouterr()
    picture = tmp_path / "plots" / "a.mp4.png"
    assert printed.out == f"picture: {picture}\n"
    assert printed.err.startswith("without thumbnails: /nowhere/a.mp4")
    assert picture.is_file()
    assert call("plot", "a.mp4", "--scores", tmp_path, "--overlay", tmp_path / "o.mp4") == 2
