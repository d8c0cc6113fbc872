import json
from dataclasses import asdict

import pytest

from stores.features.manifest import FILE, read_manifest, write_manifest
from stores.records import Event, StoreError, VideoItem

ITEMS = [
    VideoItem("a", "a.mp4", split="train", labels=("Abuse",)),
    VideoItem("b/ü #1", "", split="test", labels=("B1", "B2"), events=(Event(3, 9, "B1"),)),
    VideoItem("c", "c.mp4", split="test", labels=("Normal",), events=()),
]


def test_what_was_written_comes_back(tmp_path):
    assert read_manifest(tmp_path) is None
    write_manifest(tmp_path, ITEMS, ["text: 1 (notes.txt)"])
    assert read_manifest(tmp_path) == ITEMS
    assert json.loads((tmp_path / FILE).read_text())["passed_over"] == ["text: 1 (notes.txt)"]


CHANGES = [
    {"video_id": 5},
    {"video_id": ""},
    {"path": None},
    {"labels": 3},
    {"labels": [3]},
    {"events": [{"start": "0", "end": 9, "label": "x"}]},
    {"events": [{"from": 0}]},
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 1, "videos": [{}]}',
        '{"schema": 9, "videos": []}',
        "\x00",
        "[" * 9999,
    ]
    + [json.dumps({"schema": 1, "videos": [asdict(ITEMS[0]) | change]}) for change in CHANGES],
)
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StoreError, match=f"{FILE}.*remove it and run extract again"):
        read_manifest(tmp_path)
