import json
from dataclasses import replace
from pathlib import Path

import pytest

from stores.features.layout import Layout
from stores.features.shard_index import SCHEMA, ShardRecipe, decode_index, encode_index
from stores.records import Content, Event, Failure, StoreError, VideoItem

RECIPE = ShardRecipe('{"name": "test"}', "0123456789abcdef")
SHARD = Path("/features/shard-0.h5")
LAYOUT = Layout(5, (10, 20), ("aa", "bb"))


@pytest.fixture
def encoded(make_features):
    video = make_features("a #1", split="test", labels=("fire",), events=(Event(3, 9, "fire"),))
    video = replace(video, content=Content(12, 10**18 + 1, "whole:0"))
    failure = Failure(VideoItem("b", "/caf\udce9.mp4"), "no picture", attempts=2)
    return video, failure, encode_index(RECIPE, 3, [video], [failure], [LAYOUT])


def test_what_was_encoded_comes_back(encoded):
    video, failure, data = encoded
    index = decode_index(data, SHARD)
    assert (index.recipe, index.generation, index.failures) == (RECIPE, 3, (failure,))
    (entry,) = index.videos
    assert (entry.item, entry.audit, entry.frames) == (video.item, video.audit, video.frames)
    assert (entry.crops, entry.segments, entry.width) == video.segments.shape
    assert (entry.layout, entry.content, entry.shard) == (LAYOUT, video.content, SHARD)


def test_the_json_is_that_of_schema_4(encoded):
    content = json.loads(encoded[2])
    assert list(content) == ["schema", "recipe", "generation", "videos", "failures"]
    assert content["schema"] == SCHEMA == 4
    (video,) = content["videos"]
    assert list(video) == ["item", "frames", "shape", "audit", "layout", "content"]
    assert video["shape"] == [2, 5, 8]


CHANGES = {
    "frames": ("77", r"videos\[0\]\.frames: expected `int`, got `str`"),
    "shape": ([2, 5], r"videos\[0\]\.shape: expected `array` of length 3"),
    "audit": ({}, r"videos\[0\]\.audit: .*missing required field `decoder`"),
    "item": (None, r"videos\[0\]\.item: expected `object`, got `null`"),
    "layout": ({"rows": 1, "offsets": [1], "digests": ["x"]}, r"videos\[0\]: 1 chunks are listed"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_damaged_field_is_named_with_the_shard(encoded, field):
    content = json.loads(encoded[2])
    content["videos"][0][field], said = CHANGES[field]
    with pytest.raises(StoreError, match=f"damaged shard {SHARD}: {said}.*; delete it and run"):
        decode_index(json.dumps(content).encode(), SHARD)


@pytest.mark.parametrize(
    ("frames", "shape", "said"),
    [
        (0, [2, 5, 8], r"frames: expected `int` >= 1"),
        (2**40, [2, 5, 8], r"frames: expected `int` <= 2147483647"),
        (9, [0, 5, 8], r"shape\[0\]: expected `int` >= 1"),
        (9, [2, 5, -8], r"shape\[2\]: expected `int` >= 1"),
        (9, [2, 5, 2**40], r"shape\[2\]: expected `int` <= 65536"),
    ],
)
def test_counts_out_of_range_are_refused(encoded, frames, shape, said):
    content = json.loads(encoded[2])
    content["videos"][0] |= {"frames": frames, "shape": shape}
    with pytest.raises(StoreError, match=rf"damaged shard {SHARD}: videos\[0\]\.{said}"):
        decode_index(json.dumps(content).encode(), SHARD)
