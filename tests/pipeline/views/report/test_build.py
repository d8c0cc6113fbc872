import json
import shutil

import pytest

from model.scoring.events import label_all
from pipeline.commands.report import ReportRun
from pipeline.views.report.build import write_report
from pipeline.views.report.videos import key_of
from stores.records import Failure, StoreError, VideoItem
from stores.scores.reader import read_events, read_videos
from stores.scores.writer import write_scores


def read(report, name):
    """The value that a data file hands to a page as its first call."""
    text = (report / "data" / f"{name}.js").read_text().splitlines()[0]
    return json.loads(f"[{text.removeprefix('report.receive(').removesuffix(');')}]")[2]


@pytest.mark.slow
def test_the_report_shows_what_the_parquet_files_hold(scored):
    written = write_report(ReportRun(scores=scored))
    assert written.page == scored / "report" / "index.html"
    assert (written.videos, written.gone) == (9, 1)
    rows = read(written.page.parent, "index")["rows"]
    videos = {video.video_id: video for video in read_videos(scored)}
    assert [row["name"] for row in rows if row["status"] == "failed"] == ["broken.mp4"]
    assert rows[-1]["reason"] == "no <video> stream"
    peaks = [row["peak"] for row in rows]
    assert peaks == sorted(peaks, reverse=True)
    events = read_events(scored)
    assert events
    for row in rows[:-1]:
        video = videos[row["name"]]
        assert (row["peak"], row["label"], row["events"]) == (video.peak, video.label, video.events)
        page = read(written.page.parent, row["key"])
        ours = [event.start_time for name, event in events if name == row["name"]]
        assert [event["start_time"] for event in page["events"]] == sorted(ours)
    assert [read(written.page.parent, row["key"])["following"] for row in rows[:-1]] == [
        *(row["key"] for row in rows[1:-1]),
        "",
    ]


@pytest.mark.slow
def test_hostile_names_stay_names_and_addresses_find_their_files(scored, hostile):
    report = write_report(ReportRun(scores=scored)).page.parent
    row = next(row for row in read(report, "index")["rows"] if row["name"] == hostile)
    assert row["key"].isalnum()
    footage = read(report, row["key"])["footage"]
    assert all(c not in address for address in footage["addresses"] for c in '<>"#? –')
    assert footage["addresses"][0].endswith("50%2525%20%E2%80%93%20%C3%84%3F.mp4")
    assert (report / "pictures" / row["picture"]).read_bytes().startswith(b"\xff\xd8\xff")


@pytest.mark.slow
def test_a_video_that_is_gone_keeps_its_curve_and_says_where_it_was(scored, gone):
    report = write_report(ReportRun(scores=scored)).page.parent
    page = read(report, key_of(gone))
    assert page["footage"]["addresses"] == []
    assert page["footage"]["remark"].startswith("The video is no longer at ")
    assert page["frames"] > 0


def test_a_title_is_escaped_and_nothing_comes_from_elsewhere(tmp_path, make_scores, header):
    folder = tmp_path / "<i>&cameras"
    write_scores(folder, header, label_all([make_scores()], header))
    report = write_report(ReportRun(scores=folder)).page.parent
    for name in ("index.html", "video.html"):
        text = (report / name).read_text()
        assert "&lt;i&gt;&amp;cameras" in text
        assert "<i>&" not in text
        assert "//" not in text.replace("<!--", "")


def test_writing_again_drops_what_is_no_more(tmp_path, make_scores, header):
    write_scores(
        tmp_path,
        header,
        label_all([make_scores("a.mp4"), make_scores("b.mp4", frames=70_000)], header),
    )
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    assert len(list((report / "data").iterdir())) == 1 + 1 + 3
    shutil.rmtree(tmp_path / "scores")
    shutil.rmtree(tmp_path / "events")
    shutil.rmtree(tmp_path / "videos")
    write_scores(tmp_path, header, [], [Failure(VideoItem("c.mp4", ""), "gone")])
    write_report(ReportRun(scores=tmp_path))
    assert [path.name for path in (report / "data").iterdir()] == ["index.js"]


def test_a_failure_that_was_made_good_is_listed_once(tmp_path, make_scores, header):
    write_scores(tmp_path, header, [], [Failure(VideoItem("a.mp4", ""), "was not there")])
    write_scores(tmp_path, header, label_all([make_scores("a.mp4")], header))
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    assert [row["status"] for row in read(report, "index")["rows"]] == ["ok"]


def test_a_folder_without_scores_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="no scores below"):
        write_report(ReportRun(out=tmp_path))
    with pytest.raises(StoreError, match="no scores in"):
        write_report(ReportRun(scores=tmp_path / "nothing"))
