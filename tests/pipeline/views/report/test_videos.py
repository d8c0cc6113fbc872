from model.scoring.events import label_all
from pipeline.views.report.clocks import Clocks
from pipeline.views.report.curves import PIECE_FRAMES
from pipeline.views.report.files import ReportFiles
from pipeline.views.report.truth import TruthIndex
from pipeline.views.report.videos import ReportPlan, Source, key_of, write_videos
from stores.records import ScoredEvent
from stores.scores.reader import read_videos
from stores.scores.writer import write_scores


def test_a_key_is_letters_and_digits_whatever_the_name_holds():
    keys = [key_of(name) for name in ("a.mp4", "a/b.mp4", "<b>&'?.mp4")]
    assert all(key.isalnum() for key in keys)
    assert len(set(keys)) == 3


def test_each_video_gets_a_row_and_data_files_and_a_long_one_comes_in_pieces(
    tmp_path, make_scores, header
):
    both = [make_scores("a.mp4"), make_scores("b.mp4", frames=PIECE_FRAMES + 1, peak=0.8)]
    write_scores(tmp_path, header, label_all(both, header))
    event = ScoredEvent(40, 60, 1.6, 2.4, "fire", 0.9, 0.9)
    (tmp_path / "report").mkdir()
    plan = ReportPlan(
        folder=tmp_path,
        files=ReportFiles(tmp_path / "report"),
        header=header,
        truth=TruthIndex({}, {}, {}),
        events={"a.mp4": [event], "b.mp4": []},
        videos={video.video_id: video for video in read_videos(tmp_path)},
        order=["a.mp4", "b.mp4"],
        sources={"a.mp4": Source("/nowhere/a.mp4"), "b.mp4": Source("", "why")},
        clocks=Clocks(None, None, None),
        previewed={("a.mp4", 40)},
        makes_copies=False,
    )
    written = list(write_videos(plan))
    rows = {row.name: (row, footage) for row, footage, *_ in written}
    assert [each.events and each.events.name for each in written] == ["a.mp4", None]
    assert [[i.start_time for i in each.incidents] for each in written] == [[1.6], []]
    assert {row.key for row, _ in rows.values()} == {key_of("a.mp4"), key_of("b.mp4")}
    assert max(rows["a.mp4"][0].curve) == 90
    assert "no longer at /nowhere/a.mp4" in rows["a.mp4"][1].remark
    assert rows["b.mp4"][1].remark == "Not opened: why."
    a, b = key_of("a.mp4"), key_of("b.mp4")
    names = {path.name for path in (tmp_path / "report" / "data").iterdir()}
    assert names == {f"{a}.js", f"{b}.js", f"{b}-0.js", f"{b}-1.js"}
    assert f'"following":"{b}"' in (tmp_path / "report" / "data" / f"{a}.js").read_text()
