"""The generated data set: real files, known truth, nothing told to training, cheap to resume."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from stores.datasets.synthetic import dataset as synthetic
from stores.files.scan import find_videos
from stores.records import StoreError

SETTINGS = synthetic.Settings(
    train_normal=1, train_anomalous=3, test_normal=1, test_anomalous=2, seconds=(3.0, 4.0)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    synthetic.generate(folder, 3, SETTINGS)
    return folder


def read(path):
    with av.open(path) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_every_video_holds_the_planned_frames(root):
    frames = {p.video_id: p.frames for p in synthetic.plan(3, SETTINGS)}
    items = synthetic.discover(root)
    assert {i.video_id: len(read(i.path)) for i in items} == frames


def test_several_containers_and_codecs_are_among_them(root):
    found = set()
    for item in synthetic.discover(root):
        with av.open(item.path) as container:
            found.add(container.streams.video[0].codec_context.name)
    assert found == {"h264", "mpeg4", "hevc"}


def test_training_is_told_no_times(root):
    told = json.loads((root / "annotations.json").read_text())
    assert all(row["events"] is None for row in told if row["split"] == "train")
    for item in synthetic.discover(root):
        assert (item.events is None) == (item.split == "train")
        assert item.labels[0] in synthetic.DATASET.classes


def test_events_are_the_frames_in_which_something_vivid_is_drawn(root):
    for item in synthetic.discover(root):
        if not item.events:
            continue
        frames = read(item.path)
        vivid = (frames.max(axis=-1) - frames.min(axis=-1) > 100).mean(axis=(1, 2))
        for event in item.events:
            assert 0 <= event.start < event.end <= len(frames)
            edges = [edge for edge in (event.start, event.end) if 0 < edge < len(frames)]
            assert all(abs(vivid[edge] - vivid[edge - 1]) > 0.01 for edge in edges)
            inside = np.zeros(len(frames), dtype=bool)
            for other in item.events:
                inside[other.start : other.end] = True
            assert vivid[inside].min() > vivid[~inside].max()


def test_a_seed_draws_the_same_bytes_again_and_another_seed_others(root, tmp_path):
    one = synthetic.plan(3, SETTINGS)[0]
    synthetic.draw_video(one, tmp_path)
    assert (tmp_path / one.file_name).read_bytes() == (root / one.file_name).read_bytes()
    assert synthetic.plan(3, SETTINGS) != synthetic.plan(4, SETTINGS)


def test_generation_goes_on_where_it_stopped(root):
    def stamps():
        return {path: path.stat().st_mtime_ns for path in find_videos(root)}

    before = stamps()
    lost = min(before)
    lost.unlink()
    (root / "annotations.json").unlink()
    synthetic.generate(root, 3, SETTINGS)
    assert [path for path, stamp in stamps().items() if stamp != before[path]] == [lost]
    assert {Path(item.path) for item in synthetic.discover(root)} == set(before)


def test_another_seed_replaces_the_videos(tmp_path):
    small = synthetic.Settings(1, 0, 0, 0, seconds=(1.0, 1.0))
    synthetic.generate(tmp_path, 0, small)
    before = synthetic.discover(tmp_path)[0]
    first = read(before.path)
    synthetic.generate(tmp_path, 1, small)
    assert not np.array_equal(first[:10], read(synthetic.discover(tmp_path)[0].path)[:10])


def test_foreign_files_are_not_touched(tmp_path):
    mine = tmp_path / "test" / "mine.mp4"
    mine.parent.mkdir()
    mine.write_bytes(b"precious")
    with pytest.raises(StoreError, match=r"mine\.mp4 is of another origin"):
        synthetic.generate(tmp_path, 0, SETTINGS)
    assert mine.read_bytes() == b"precious"


@pytest.mark.parametrize("text", [None, "{", "[{}]", '[{"file": "a.mp4"}]', "[1]"])
def test_missing_or_damaged_annotations_say_what_to_do(tmp_path, text):
    if text is not None:
        (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(StoreError, match="generate the synthetic data set again"):
        synthetic.discover(tmp_path)


def test_a_missing_video_is_named(tmp_path):
    row = {"file": "gone.mp4", "split": "train", "label": "normal", "events": None}
    (tmp_path / "annotations.json").write_text(json.dumps([row]))
    with pytest.raises(StoreError, match=r"gone\.mp4 is missing"):
        synthetic.discover(tmp_path)
