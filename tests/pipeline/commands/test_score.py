import numpy as np
import pytest

from model.scoring.events import label_all
from pipeline.commands.score import render
from pipeline.stages.score import ScoreReport
from stores.records import EventRule, Failure, VideoItem, VideoScores
from stores.scores.reader import ScoredVideo
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores


def test_the_strongest_events_and_failures_are_printed(tmp_path, capsys):
    header = ScoreHeader(("normal", "fire"), "m", "r", EventRule())
    score = np.full(64, 0.1, dtype=np.float32)
    score[16:32] = 0.9
    scores = VideoScores(
        item=VideoItem("a.mp4", ""),
        times=np.arange(64) / 25,
        score=score,
        probabilities=np.stack([1 - score, score], axis=1),
    )
    failures = [Failure(VideoItem(f"{number}.mp4", ""), "gone") for number in range(12)]
    write_scores(tmp_path, header, label_all([scores], header), failures)
    report = ScoreReport(
        folder=tmp_path,
        new=1,
        already=0,
        failures=tuple(failures),
        videos=(
            ScoredVideo("a.mp4", "", "mismatch", "1 frame lost at 1.7 s", 64, 3.0, 0.9, "fire", 1),
            ScoredVideo("b.mp4", "", "partial", "decoding ended early", 64, 3.0, 0.9, "fire", 1),
            ScoredVideo("c.mp4", "", "failed", "gone", 0, 0.0, 0.0, "", 0),
            ScoredVideo("d.mp4", "", "ok", "", 64, 3.0, 0.9, "fire", 1),
        ),
        frames=64,
        seconds=1.0,
    )
    assert render(report) == 3
    out = capsys.readouterr().out
    assert out.startswith(
        f"scores: 1 video scored, 0 were there; 64 frames in 1.0 s, 64/s · {tmp_path}"
    )
    said = "  2 videos are not what their files announce; see why: "
    assert f"{said}python -m pipeline failures {tmp_path}\n" in out
    assert "strongest of 1 event" in out
    assert "fire" in out
    assert out.count("failed: ") == 10
    assert out.endswith("… and 2 more\n")


def cautions(out):
    """The beginning of each, which are the last lines."""
    lines = out.splitlines()
    said = [line for line in lines if line.startswith("CAUTION: ")]
    assert lines[-len(said) :] == said
    return [line[:22] for line in said]


@pytest.mark.ray
@pytest.mark.slow
def test_scoring_leaves_a_report_unless_it_is_not_wanted(
    call, footage, checkpoint, tmp_path, capsys
):
    video = sorted((footage / "test").iterdir())[0]
    arguments = ("score", "--videos", video, "--checkpoint", checkpoint, "--out", tmp_path)
    page = tmp_path / "report" / "index.html"
    assert call(*arguments, "--no-report") == 0
    out = capsys.readouterr().out
    assert "scores: 1 video scored" in out
    assert cautions(out) == ["CAUTION: the model was", "CAUTION: not calibrate"]
    assert not page.is_file()
    assert call(*arguments) == 0
    out = capsys.readouterr().out
    assert "scores: 0 videos scored, 1 were there" in out
    assert f"report, open it in a browser: {page}" in out
    assert cautions(out) == ["CAUTION: the model was", "CAUTION: not calibrate"]
    assert page.is_file()
