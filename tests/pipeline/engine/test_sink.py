import pickle
from functools import partial
from pathlib import Path

from pipeline.engine.events import VideoFinished
from pipeline.engine.sink import Sink
from stores.records import Failure, VideoItem

ITEMS = [VideoItem(video_id, "") for video_id in "abcd"]


def name_of(generation, video_ids):
    return f"{generation}-" + "-".join(sorted(video_ids))


def write_names(folder, videos, failures, generation):
    names = [each.item.video_id for each in (*videos, *failures)]
    (folder / name_of(generation, names)).write_text("done")


def read_names(path):
    return [VideoFinished(VideoItem(name, "")) for name in path.name.split("-")[1:]]


def test_a_job_is_done_once_its_own_generation_was_committed(tmp_path):
    """Results of an earlier generation are those that are made anew."""
    (tmp_path / "0-a-b").touch()
    sink = Sink(tmp_path, name_of, partial(write_names, tmp_path), read_names)
    assert not sink.is_done(ITEMS[:2], generation=1)
    sink.write([], [Failure(item, "cannot be read") for item in ITEMS[2:]], 1)
    assert sink.is_done(ITEMS[2:], generation=1)
    assert not sink.is_done(ITEMS[1:], generation=1)
    assert sink.outcomes(ITEMS[2:], generation=1) == [VideoFinished(item) for item in ITEMS[2:]]


def test_a_sink_of_a_folder_that_is_not_there_yet_travels(tmp_path):
    sink = Sink(tmp_path / "none", Path, print, read_names)
    assert pickle.loads(pickle.dumps(sink)) == sink
