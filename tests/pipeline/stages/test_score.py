import os
from dataclasses import replace

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import pipeline
from pipeline.commands.report import ReportRun
from pipeline.commands.score import ScoreRun, render
from pipeline.options import EventOptions
from pipeline.stages.score import score
from pipeline.views.report.build import write_report
from stores.files.roots import recorded_roots
from stores.records import StoreError, VideoItem
from stores.scores.parts import folder_header
from stores.scores.reader import read_scores, read_videos


def decodable_frames(path) -> list[float]:
    """Presentation times by an independent decode."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = sorted(float(f.pts * stream.time_base) for f in container.decode(stream))
    return [t - times[0] for t in times]


@pytest.fixture(scope="module")
def scored(footage, checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("scores")
    return score(ScoreRun(footage, checkpoint, out=out, videos_per_part=4))


@pytest.mark.ray
def test_every_frame_of_every_video_has_a_score_at_its_own_time(scored, footage):
    assert scored.failures == ()
    files = [p for p in footage.rglob("*") if p.suffix in (".mp4", ".avi")]
    assert len(files) == scored.new == 14
    table = pq.read_table(scored.folder / "scores").to_pandas()
    assert {p.suffix for p in files} == {".mp4", ".avi"}
    for path in files:
        rows = table[table["video_id"] == path.relative_to(footage).as_posix()]
        times = decodable_frames(path)
        assert len(rows) == len(times)
        np.testing.assert_array_equal(rows["frame"], np.arange(len(times)))
        np.testing.assert_allclose(rows["time"], times, atol=1e-6)
        assert rows["score"].between(0, 1).all()
        sums = rows.filter(like="p_").drop(columns="label_probability", errors="ignore").sum(axis=1)
        np.testing.assert_allclose(sums, 1, atol=1e-5)


@pytest.mark.ray
def test_one_pass_scores_as_python_does_without_ray(scored, footage, checkpoint):
    path = sorted(footage.rglob("*.avi"))[0]
    item = VideoItem(path.relative_to(footage).as_posix(), str(path))
    result = pipeline.load_scorer(checkpoint, device="cpu").score_video(path)
    (stored,) = read_scores(scored.folder, [item])
    np.testing.assert_allclose(stored.score, result.scores.score, atol=5e-3)
    np.testing.assert_array_equal(stored.times, result.scores.times)
    assert result.header == folder_header(scored.folder)
    assert recorded_roots(scored.folder) == (str(footage),)


@pytest.mark.ray
def test_a_second_run_scores_only_what_is_new(scored, footage, checkpoint, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    first, second = sorted(footage.rglob("*.mp4"))[:2]
    os.link(first, videos / "a.mp4")
    run = ScoreRun(videos, checkpoint, out=tmp_path / "scores")
    assert score(run).new == 1
    assert (score(run).new, score(run).already) == (0, 1)
    os.link(second, videos / "b.mp4")
    (videos / "c.mp4").write_text("no video")
    report = score(run)
    assert (report.new, report.already) == (1, 1)
    assert [(v.video_id, v.status) for v in report.videos] == [
        ("a.mp4", "ok"),
        ("b.mp4", "ok"),
        ("c.mp4", "failed"),
    ]
    (videos / "c.mp4").unlink()
    os.link(second, videos / "c.mp4")
    assert score(run).failures == ()  # it is another file now


@pytest.mark.ray
def test_hostile_names_are_only_names(footage, checkpoint, tmp_path, capsysbinary):
    video = next(footage.rglob("*.mp4"))
    root = tmp_path / "videos"
    for name in (b"caf\xe9\n.mp4", b"-#1 & \x1b[31m.mp4", b"[/b].mp4", b"a/x.mp4", b"b/x.mp4"):
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(video, path)
    (root / "gone.mp4").symlink_to("/nowhere")
    (root / "loop").symlink_to(root)
    run = ScoreRun(root, checkpoint, out=tmp_path / "scores", events=EventOptions(threshold=0.0))
    report = score(run)
    assert render(report) == 3
    printed = capsysbinary.readouterr().out
    assert b"failed: gone.mp4: " in printed
    assert b"\x1b[31m" not in printed
    assert [v.video_id for v in report.videos if v.status == "ok"] == [
        r"-#1 & \x1b[31m.mp4",
        "[/b].mp4",
        "a/x.mp4",
        "b/x.mp4",
        r"caf\xe9\x0a.mp4",
    ]
    page = write_report(ReportRun(scores=report.folder)).page
    assert r"caf\\xe9\\x0a.mp4" in (page.parent / "data" / "index.js").read_text()
    assert score(run).already == 5


@pytest.mark.ray
def test_another_threshold_reads_no_video_again(scored, footage, checkpoint):
    run = ScoreRun(footage, checkpoint, out=scored.folder, events=EventOptions(threshold=0.0))
    report = score(run)
    assert (report.new, report.already) == (0, 14)
    assert folder_header(scored.folder).rule.threshold == 0
    assert {row.events for row in report.videos} == {1}
    assert score(replace(run, events=EventOptions())).new == 0
    assert read_videos(scored.folder) == [
        replace(row, part=now.part, generation=now.generation)
        for row, now in zip(scored.videos, read_videos(scored.folder), strict=True)
    ]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(StoreError, match="no checkpoint at"):
        score(ScoreRun(tmp_path, tmp_path))


@pytest.mark.ray
def test_missing_videos_and_other_weights_are_named(tmp_path, checkpoint):
    with pytest.raises(StoreError, match="no such file or folder: .*gone"):
        score(ScoreRun(tmp_path / "gone", checkpoint))
    with pytest.raises(StoreError, match="no video below"):
        score(ScoreRun(tmp_path, checkpoint))
    with pytest.raises(ValueError, match="takes no weights"):
        score(ScoreRun(tmp_path, checkpoint, weights="openai"))
