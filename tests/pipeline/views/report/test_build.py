import json
import shutil
from contextlib import suppress
from dataclasses import replace

import pytest

from model.scoring.events import label_all
from pipeline.commands.report import ReportRun
from pipeline.stages.cautions import cautions_of
from pipeline.views.report.build import write_report
from pipeline.views.report.videos import key_of
from stores.files.roots import record_root
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
    for name in ("index.html", "videos.html", "video.html"):
        text = (report / name).read_text()
        assert "&lt;i&gt;&amp;cameras" in text
        assert "<i>&" not in text
        assert "//" not in text.replace("<!--", "")


@pytest.mark.parametrize("said", [True, False])
def test_both_pages_begin_with_what_has_to_be_said(tmp_path, make_scores, header, said):
    fields = {"features": "demo"} if said else {"calibrated": "test"}
    header = replace(header, **fields)
    write_scores(tmp_path, header, label_all([make_scores("a.mp4")], header))
    pages = write_report(ReportRun(scores=tmp_path))
    assert pages.cautions == cautions_of(header)
    assert len(pages.cautions) == 2 * said
    for name in ("index.html", "video.html"):
        text = (pages.page.parent / name).read_text()
        assert "{{" not in text
        assert text.count("<strong>Caution:</strong>") == 2 * said
        if said:
            assert "demo&#x27;s random CLIP" in text
            assert text.index("<main>") < text.index("Caution") < text.index('class="soft"')


def test_writing_again_drops_what_is_no_more(tmp_path, make_scores, header):
    write_scores(
        tmp_path,
        header,
        label_all([make_scores("a.mp4"), make_scores("b.mp4", frames=70_000)], header),
    )
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    assert len(list((report / "data").iterdir())) == 2 + 1 + 3
    assert "incidents.js" in (report / "index.html").read_text()
    shutil.rmtree(tmp_path / "scores")
    shutil.rmtree(tmp_path / "events")
    shutil.rmtree(tmp_path / "videos")
    write_scores(tmp_path, header, [], [Failure(VideoItem("c.mp4", ""), "gone")])
    write_report(ReportRun(scores=tmp_path))
    assert {path.name for path in (report / "data").iterdir()} == {"index.js", "incidents.js"}
    assert (report / "index.html").read_text() == (report / "videos.html").read_text()


def test_what_is_not_the_reports_own_stays(tmp_path, make_scores, header):
    write_scores(tmp_path, header, label_all([make_scores("a.mp4")], header))
    report = write_report(ReportRun(scores=tmp_path)).page.parent
    others = [report / name for name in ("copies/holiday.mp4", "pictures/b.jpg", "data/c.js", "d")]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("somebody's")
    write_report(ReportRun(scores=tmp_path))
    assert [path.read_text() for path in others] == ["somebody's"] * 4


@pytest.mark.parametrize("name", ["", "assets", "copies", "data", "pictures", "assets/uplot"])
def test_nothing_is_written_or_removed_through_a_link(tmp_path, make_scores, header, name):
    scores, precious = tmp_path / "scores", tmp_path / "precious"
    write_scores(scores, header, label_all([make_scores("a.mp4")], header))
    precious.mkdir()
    (precious / "a.mp4").write_text("precious")
    link = scores / "report" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(precious)
    with pytest.raises(StoreError, match=f"{link} is a link"):
        write_report(ReportRun(scores=scores))
    assert [path.name for path in precious.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("name", ["index.html", "data/index.js", "files.txt"])
def test_a_link_in_the_place_of_a_file_is_not_written_through(tmp_path, make_scores, header, name):
    scores, precious = tmp_path / "scores", tmp_path / "precious"
    write_scores(scores, header, label_all([make_scores("a.mp4")], header))
    precious.write_text("precious")
    link = scores / "report" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(precious)
    with suppress(StoreError):  # the list is read, and so refused; the others are replaced
        write_report(ReportRun(scores=scores))
    assert precious.read_text() == "precious"


def test_a_strangers_scores_open_no_file_and_say_so(tmp_path, make_scores, header, footage):
    """Their columns may name any file of this machine, or an address."""
    video = next((footage / "test").glob("*.mp4"))
    paths = [str(video), "/etc/passwd", "http://127.0.0.1:9/a.mp4", f"{footage}/../x.mp4"]
    results = [
        replace(make_scores(f"{number}.mp4"), item=VideoItem(f"{number}.mp4", path))
        for number, path in enumerate(paths)
    ]
    own = tmp_path / "own"
    write_scores(own, header, label_all(results, header))
    record_root(own, footage)
    foreign = shutil.copytree(own, tmp_path / "foreign")

    def shown(pages):
        rows = {row["name"]: row for row in read(pages.page.parent, "index")["rows"]}
        return [name for name, row in sorted(rows.items()) if row["picture"]]

    pages = write_report(ReportRun(scores=foreign))
    assert (shown(pages), pages.refused, pages.gone) == ([], 4, 0)
    remark = read(pages.page.parent, key_of("1.mp4"))["footage"]["remark"]
    assert remark.startswith("Not opened: /etc/passwd lies below no folder that a run recorded")
    pages = write_report(ReportRun(scores=own))
    assert (shown(pages), pages.refused, pages.gone) == (["0.mp4"], 3, 0)
    pages = write_report(ReportRun(scores=foreign, videos=footage))
    assert (shown(pages), pages.refused) == (["0.mp4"], 3)


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
