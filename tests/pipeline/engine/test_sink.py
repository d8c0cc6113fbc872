import pickle
from functools import partial
from pathlib import Path

from pipeline.engine.sink import Sink, pending
from stores.records import Failure, VideoItem

ITEMS = [VideoItem(video_id, "") for video_id in "abcd"]


def test_what_is_pending_is_in_order_and_failures_only_when_asked():
    done, failed = {"a": 1}, {"c": 1}
    assert pending(ITEMS, done, failed) == [ITEMS[1], ITEMS[3]]
    assert pending(ITEMS, done, failed, retry_failed=True) == ITEMS[1:]
    assert pending([], done, failed) == []


def name_of(video_ids):
    return "-".join(sorted(video_ids))


def write_names(folder, videos, failures):
    names = [each.item.video_id for each in (*videos, *failures)]
    (folder / name_of(names)).write_text("done")


def test_a_job_is_done_by_what_this_run_committed_alone(tmp_path):
    """A file that an earlier run left stands for failures that are tried again."""
    (tmp_path / "a-b").touch()
    sink = Sink(tmp_path, name_of, partial(write_names, tmp_path))
    assert not sink.is_done(ITEMS[:2])
    sink.write([], [Failure(item, "cannot be read") for item in ITEMS[2:]])
    assert sink.is_done(ITEMS[2:])
    assert not sink.is_done(ITEMS[1:])


def test_a_sink_of_a_folder_that_is_not_there_yet_travels(tmp_path):
    sink = Sink(tmp_path / "none", Path, print)
    assert sink.before == frozenset()
    assert pickle.loads(pickle.dumps(sink)) == sink
