import re

import numpy as np
import pytest

from pipeline.report import write_report
from pipeline.settings import ReportRun
from stores.events import EventRule
from stores.records import Failure, StoreError, VideoItem, VideoScores
from stores.scores import ScoreHeader, write_scores

HEADER = ScoreHeader(("normal", "fire"), "m", "r", EventRule())


def scored(video_id, frames, peak):
    score = np.full(frames, 0.1, dtype=np.float32)
    score[40:60] = peak
    return VideoScores(
        VideoItem(video_id, video_id),
        np.arange(frames) / 25,
        score,
        np.stack([1 - score, score], axis=1),
    )


def test_the_page_shows_every_video_its_events_and_failures(tmp_path):
    hostile = "<b>&'\"#1.mp4"
    write_scores(
        tmp_path,
        HEADER,
        [scored("calm.mp4", 100, 0.2), scored(hostile, 90_000, 0.9), scored("one.mp4", 1, 0.1)],
        [Failure(VideoItem("bad.mp4", "bad.mp4"), "no <video> stream")],
    )
    page = write_report(ReportRun(scores=tmp_path))
    text = page.read_text()
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "failed: no &lt;video&gt; stream" in text
    assert text.index("&lt;b&gt;") < text.index("calm.mp4") < text.index("bad.mp4")
    pictures = re.findall(r'src="([^"]+)"', text)
    assert len(pictures) == 3
    assert all((page.parent / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert "://" not in text  # nothing from elsewhere


def test_the_latest_scores_are_taken_and_none_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="no scores below"):
        write_report(ReportRun(out=tmp_path))
    write_scores(tmp_path / "scores" / "cams", HEADER, [scored("a.mp4", 64, 0.7)])
    assert write_report(ReportRun(out=tmp_path)).parent.parent.name == "cams"
    with pytest.raises(StoreError, match="no scores in"):
        write_report(ReportRun(scores=tmp_path / "nothing"))
