"""A film under an old name, from scores to pages: told, kept, refused, done again in one step."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from extract.header import read_header
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.extract import ExtractRun
from pipeline.commands.plot import PlotRun
from pipeline.commands.report import ReportRun
from pipeline.commands.score import ScoreRun, render
from pipeline.commands.watch import WatchRun
from pipeline.options import ReadOptions
from pipeline.stages.evaluate import evaluate
from pipeline.stages.extract import extract
from pipeline.stages.score import score
from pipeline.stages.watch import watch
from pipeline.views.plot import plot
from pipeline.views.report.build import write_report
from stores.features.catalog import open_catalog
from stores.records import StoreError
from stores.scores.reader import read_videos

FUTURE, PAST = 4_000_000_000, 1_000_000_000


@pytest.fixture
def films(footage):
    """Three films that differ in length, the shortest first."""
    by_frames = {read_header(str(path)).frames: path for path in sorted(footage.rglob("*.mp4"))}
    return [path for _, path in sorted(by_frames.items())][:3]


def frames_of(folder):
    """The frames that rows state, and those that anybody counts who reads all of ``scores/``."""
    stated = {row.video_id: row.frames for row in read_videos(folder)}
    counted = duckdb.sql(f"select video_id, count(*) from '{folder}/scores/*.parquet' group by all")
    assert dict(counted.fetchall()) == {name: frames for name, frames in stated.items() if frames}
    return stated


def put(film, path, date=None):
    shutil.copyfile(film, path)
    if date is not None:
        os.utime(path, (date, date))
    return read_header(str(film)).frames


@pytest.mark.ray
def test_the_old_scores_go_when_a_recorder_writes_a_new_film_under_an_old_name(
    films, checkpoint, tmp_path, capsys
):
    root, out = tmp_path / "camera", tmp_path / "scores"
    root.mkdir()
    first, second = put(films[0], root / "a.mp4"), put(films[1], root / "b.mp4")
    whole = (root / "b.mp4").read_bytes()
    (root / "c.mp4").write_bytes(whole[: len(whole) // 3])  # still being copied
    run = ScoreRun(root, checkpoint, out=out)
    score(run)
    assert frames_of(out).keys() == {"a.mp4", "b.mp4", "c.mp4"}
    assert (frames_of(out)["a.mp4"], frames_of(out)["b.mp4"]) == (first, second)
    third = put(films[2], root / "a.mp4", PAST)
    (root / "c.mp4").write_bytes(whole)
    assert write_report(ReportRun(scores=out)).changed >= 1
    index = (out / "report" / "data" / "index.js").read_text()
    assert '"status":"changed"' in index
    with pytest.raises(StoreError, match=r"a\.mp4 changed since it was read"):
        plot(PlotRun("a.mp4", scores=out, overlay=tmp_path / "burnt.mp4"))
    with pytest.raises(StoreError, match=r"held before: a\.mp4"):
        score(replace(run, reading=ReadOptions(on_change="refuse")))
    kept = score(replace(run, reading=ReadOptions(on_change="keep")))
    assert kept.kept >= 1
    assert frames_of(out)["a.mp4"] == first
    report = score(run)
    render(report)
    assert "of them again, since their files changed" in capsys.readouterr().out
    assert frames_of(out) == {"a.mp4": third, "b.mp4": second, "c.mp4": second}
    assert write_report(ReportRun(scores=out)).changed == 0
    for date in (PAST, FUTURE):
        os.utime(root / "b.mp4", (date, date))
        assert (score(run).new, score(run).redone) == (0, 0)


@pytest.mark.ray
@pytest.mark.long
def test_a_watcher_sees_what_changed_and_ends_whatever_the_dates(films, checkpoint, tmp_path):
    """A bad file of the future kept it alive for ever, one of the past was never tried again."""
    root, out = tmp_path / "camera", tmp_path / "scores"
    root.mkdir()
    put(films[0], root / "a.mp4")
    (root / "future.mp4").write_text("no video")
    os.utime(root / "future.mp4", (FUTURE, FUTURE))
    run = WatchRun(root, checkpoint, out=out, once=True, settle=0.1, poll=0.1)
    seen = []
    first = watch(run, seen.append)
    assert (first.new, first.failed) == (1, 1)
    third, second = put(films[2], root / "a.mp4", PAST), put(films[1], root / "future.mp4", PAST)
    again = watch(run, seen.append)
    assert (again.new, again.failed) == (2, 0)
    assert frames_of(out) == {"a.mp4": third, "future.mp4": second}
    assert len(seen) == 4
    assert watch(run, seen.append).new == 0


@pytest.mark.ray
@pytest.mark.long
def test_features_of_a_film_that_was_replaced_are_told_and_made_anew(
    footage, films, checkpoint, tmp_path
):
    root = shutil.copytree(footage, tmp_path / "videos")
    run = ExtractRun(root=root, out=tmp_path / "out")
    assert extract(run).failures == ()
    folder = tmp_path / "out" / "synthetic" / "features"
    test = next(v.item for v in open_catalog(folder).videos.values() if v.item.split == "test")
    judged = EvaluateRun(checkpoint, "synthetic", out=tmp_path / "out")
    assert evaluate(judged).changed == ()
    with Path(test.path).open("ab") as file:
        file.write(b"free")
    assert evaluate(judged).changed == (test.video_id,)
    before = open_catalog(folder)
    report = extract(run)
    assert (report.new, report.redone, report.already) == (1, 1, len(before.videos) - 1)
    after = open_catalog(folder)
    assert after.videos.keys() == before.videos.keys()
    assert (after.outdated, after.videos[test.video_id].frames) == (
        (),
        before.videos[test.video_id].frames,
    )
    assert evaluate(judged).changed == ()
