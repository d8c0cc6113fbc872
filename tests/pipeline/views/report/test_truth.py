import pytest

from pipeline.commands.report import ReportRun
from pipeline.views.report.records import Truth
from pipeline.views.report.truth import find_truth, in_seconds
from stores.datasets import base
from stores.features.manifest import write_manifest
from stores.records import Event, StoreError, VideoItem
from stores.scores.rows import ScoredVideo


def row(video_id, path):
    return ScoredVideo(video_id, str(path), "ok", "", 100, 4.0, 0.9, "", 0)


@pytest.mark.slow
def test_videos_are_known_by_their_files_whatever_they_are_called(scored, footage):
    truth = find_truth(ReportRun(scores=scored), scored)
    items = [item for item in base.load("synthetic").discover(footage) if item.split == "test"]
    assert any(item.events for item in items)
    for item in items:
        assert truth.of(row("cam/other name.mp4", item.path)) == item.events
    assert truth.of(row(items[0].video_id, scored / "elsewhere.mp4")) is None
    assert truth.of(row(items[0].video_id, "")) is None


def test_an_evaluation_is_known_by_its_ids_alone(tmp_path):
    items = [
        VideoItem("a", "", "test", ("fire",), (Event(3, 9, "fire"),)),
        VideoItem("b", "", "test", ("normal",), ()),
        VideoItem("c", "", "train", ("fire",)),
    ]
    write_manifest(tmp_path / "ucf" / "features", items)
    folder = tmp_path / "ucf" / "evaluation"
    truth = find_truth(ReportRun(scores=folder), folder)
    assert [truth.of(row(name, "")) for name in "abcd"] == [items[0].events, (), None, None]


def test_copies_elsewhere_are_known_by_name_where_their_data_set_is_given(footage, tmp_path):
    item = next(i for i in base.load("synthetic").discover(footage) if i.events)
    run = ReportRun(scores=tmp_path, dataset="synthetic", root=footage)
    copy = tmp_path / f"{item.video_id}.mkv"
    assert find_truth(run, tmp_path).of(row(f"cam/{copy.name}", copy)) == item.events
    assert find_truth(ReportRun(scores=tmp_path), tmp_path).of(row(copy.name, copy)) is None


def test_a_data_set_without_its_folder_is_a_mistake(tmp_path):
    with pytest.raises(StoreError, match="--dataset needs --root"):
        find_truth(ReportRun(dataset="ucf"), tmp_path)
    with pytest.raises(StoreError, match="--root and --lists need --dataset"):
        find_truth(ReportRun(root=tmp_path), tmp_path)


def test_a_damaged_list_is_named_and_none_is_no_truth(tmp_path):
    folder = tmp_path / "scores" / "cameras"
    assert find_truth(ReportRun(out=tmp_path), folder).of(row("a", "a.mp4")) is None
    listing = tmp_path / "ucf" / "features" / "videos.json"
    listing.parent.mkdir(parents=True)
    listing.write_text("{")
    with pytest.raises(StoreError, match=r"damaged .*videos\.json"):
        find_truth(ReportRun(out=tmp_path), folder)


def test_truth_is_half_open_on_the_videos_own_clock_and_cut_at_its_end(make_scores):
    scores = make_scores(frames=100)
    events = [Event(25, 50, "fire"), Event(90, 200, "fight"), Event(100, 120, "fire")]
    assert in_seconds(events, scores) == [Truth(1.0, 2.0, "fire"), Truth(3.6, 4.0, "fight")]


def test_truth_that_a_list_has_in_seconds_is_on_the_same_clock(make_scores):
    scores = make_scores(frames=100)
    events = [Event(1000, 2000, "fire", "milliseconds"), Event(9000, 9500, "fire", "milliseconds")]
    assert in_seconds(events, scores) == [Truth(1.0, 2.0, "fire")]
