from pathlib import Path

import numpy as np

from model.scoring.events import label_all
from pipeline.commands.report import render
from pipeline.stages.cautions import cautions_of
from pipeline.views.report.build import ReportPages
from stores.files.roots import record_root
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores


def test_the_page_and_the_videos_that_are_gone_are_named(call, tmp_path, capsys):
    header = ScoreHeader(("normal", "fire"), "m", "r", EventRule(), features="demo")
    score = np.full(64, 0.1, dtype=np.float32)
    scores = VideoScores(
        item=VideoItem("a.mp4", "/nowhere/a.mp4"),
        times=np.arange(64) / 25,
        score=score,
        probabilities=np.stack([1 - score, score], axis=1),
    )
    folder = tmp_path / "scores" / "cameras"
    write_scores(folder, header, label_all([scores], header))
    record_root(folder, Path("/nowhere"))
    assert call("report", "--out", tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"report, open it in a browser: {folder / 'report' / 'index.html'}",
        "  1 of 1 videos are not where they were scored: curves alone",
        *(f"CAUTION: {caution}" for caution in cautions_of(header)),
    ]
    assert len(cautions_of(header)) == 2


def test_videos_that_browsers_do_not_play_are_counted(capsys):
    page = Path("my scores/report/index.html")
    assert render(ReportPages(page, videos=3, gone=0, refused=0, unplayed=2, changed=0)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 videos that most browsers do not play; copies are made by: python -m" in said
    assert "report --scores 'my scores' --proxies" in said
