import numpy as np

from model.scoring.events import label_all
from stores.datasets.synthetic.footage import write_video
from stores.files.roots import record_root
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores


def test_it_says_where_the_clips_are_what_was_made_and_what_could_not_be(call, tmp_path, capsys):
    header = ScoreHeader(("normal", "fire"), "m", "r", EventRule())
    score = np.full(64, 0.1, dtype=np.float32)
    score[20:40] = 0.9
    pictures = (np.full((48, 64, 3), 90, dtype=np.uint8) for _ in range(64))
    write_video(tmp_path / "a.mp4", pictures, codec="h264", fps=25, seed=0)
    both = [
        VideoScores(
            item=VideoItem(name, str(tmp_path / name)),
            times=np.arange(64) / 25,
            score=score,
            probabilities=np.stack([1 - score, score], axis=1),
        )
        for name in ("a.mp4", "gone.mp4")
    ]
    folder = tmp_path / "scores"
    write_scores(folder, header, label_all(both, header))
    record_root(folder, tmp_path)
    packed = tmp_path / "a.zip"
    assert call("clip", folder, "--zip", packed) == 3
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"clips: 1 made · open {folder / 'clips' / 'index.html'} in a browser",
        f"  all that were chosen in one file: {packed}",
        f"  not cut: gone.mp4@20: {tmp_path / 'gone.mp4'}: no such file",
    ]
    assert call("clip", folder, "--event", "a.mp4@20", "--most", "1") == 0
    assert "clips: 0 made, 1 there already" in capsys.readouterr().out
    assert call("clip", folder, "--most", "1", "--video", "a.mp4", "gone.mp4") == 0
    assert "1 event of lower peaks left out; see --most" in capsys.readouterr().out
    assert call("clip", folder, "--event", "a.mp4@3") == 2
    assert "its events begin at 20" in capsys.readouterr().err
    assert call("clip", folder, "--peak", "1.5") == 2
    assert "--peak has to be from 0 to 1, got 1.5" in capsys.readouterr().err
