"""Parquet that is not as we wrote it is refused by name, and never removed unasked."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.records import EventRule, StoreError, VideoItem, VideoScores
from stores.scores.reader import clear_others, prepare, read_events, read_scores, read_videos
from stores.scores.schema import EVENTS_SCHEMA, VIDEOS_SCHEMA, ScoreHeader
from stores.scores.writer import write_scores
from stores.verify import check_tree

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule())
ITEM = VideoItem("a.mp4", "/videos/a.mp4")


@pytest.fixture
def folder(tmp_path):
    score = np.linspace(0, 1, 100, dtype=np.float32)
    probabilities = np.stack([1 - score, score], axis=1)
    write_scores(
        tmp_path,
        HEADER,
        label_all([VideoScores(ITEM, np.arange(100) / 25, score, probabilities)], HEADER),
    )
    return tmp_path


READERS = {
    "videos": read_videos,
    "events": read_events,
    "scores": lambda folder: read_scores(folder, [ITEM]),
}


def _foreign(schema, **metadata):
    ours = {key.decode(): value.decode() for key, value in HEADER.metadata().items()}
    return schema.with_metadata(ours | metadata).empty_table()


FOREIGN = {
    "no metadata": pa.table({"video_id": ["x"], "score": [0.5]}),
    "other columns": _foreign(pa.schema([("video_id", pa.string())])),
    "columns of other types": _foreign(
        pa.schema([(name, pa.string()) for name in VIDEOS_SCHEMA.names])
    ),
    "another version": _foreign(EVENTS_SCHEMA, schema_version="99"),
    "classes that are no list": _foreign(EVENTS_SCHEMA, classes="7"),
    "classes that are no JSON": _foreign(EVENTS_SCHEMA, classes="{"),
    "another rule": _foreign(EVENTS_SCHEMA, event_rule=json.dumps({"limit": 3})),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("maker", FOREIGN)
def test_another_makers_parquet_is_refused_with_its_name(folder, kind, maker):
    path = folder / kind / "mine.parquet"
    pq.write_table(FOREIGN[maker], path)
    with pytest.raises(StoreError, match=f"{path}"):
        READERS[kind](folder)
    assert [c.reason for c in check_tree(folder) if c.reason] == [
        f"{folder}: mine.parquet is no part of scores; move it out of the folder"
    ]


@pytest.mark.parametrize("kind", ["scores", "events"])
def test_what_others_left_is_never_removed(folder, kind):
    path = folder / kind / "mine.parquet"
    pq.write_table(FOREIGN["no metadata"], path)
    prepare(folder, HEADER)
    clear_others(folder, HEADER, kept="")
    assert path.is_file()


def test_another_users_part_is_named(public, without_privileges):
    path = public / "videos" / "part-0.parquet"
    path.parent.mkdir()
    pq.write_table(FOREIGN["no metadata"], path)
    path.chmod(0)
    with without_privileges(), pytest.raises(StoreError, match=f"{path}: no permission to read"):
        read_videos(public)
