import json
from dataclasses import asdict

import pytest

from pipeline.views.clip_records import Clip
from stores.files.typed import decode_json
from stores.records import StoreError


def test_what_is_known_of_a_clip_comes_back_from_its_file_and_nothing_else_does(some_clip):
    content = asdict(some_clip)
    assert decode_json(json.dumps(content), Clip, "a.json") == some_clip
    for name, wrong in (("method", "stolen"), ("first_frame", -1), ("start", float("nan"))):
        with pytest.raises(StoreError, match=rf"damaged a\.json: {name}"):
            decode_json(json.dumps(content | {name: wrong}), Clip, "a.json")
    del content["clock_end"]
    with pytest.raises(StoreError, match="clock_end"):
        decode_json(json.dumps(content), Clip, "a.json")
