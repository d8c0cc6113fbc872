"""Foreign content becomes a record, or one line that names the file and the field."""

from dataclasses import dataclass

import pytest

from stores.files.typed import convert, decode_json
from stores.records import StoreError, VideoItem


@dataclass(frozen=True, slots=True)
class Listing:
    schema: int
    videos: tuple[VideoItem, ...]


GOOD = '{"schema": 1, "videos": [{"video_id": "a", "path": "a.mp4", "labels": ["fire"]}]}'


def test_records_come_back_whole_and_what_is_not_asked_for_is_passed_over():
    item = VideoItem("a", "a.mp4", labels=("fire",))
    assert decode_json(GOOD, Listing, "videos.json") == Listing(1, (item,))
    assert decode_json(GOOD.replace("{", '{"new": 3,', 1), Listing, "x") == Listing(1, (item,))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace('"a.mp4"', "7"), r"damaged v\.json: videos\[0\]\.path: expected `str`"),
        (GOOD.replace('"path": "a.mp4", ', ""), r"videos\[0\]: .*missing required field `path`"),
        (GOOD[:-3], "damaged v.json: input data was truncated"),
        ("[]", r"damaged v\.json: expected `object`, got `array`"),
        ("[" * 100_000, "damaged v.json"),
        (b"\xff\xfe", "damaged v.json"),
    ],
)
def test_damage_is_one_line_with_file_and_field(text, told):
    with pytest.raises(StoreError, match=told):
        decode_json(text, Listing, "v.json")


def test_yaml_content_is_held_to_the_same_types():
    assert convert({"schema": 2, "videos": []}, Listing, "d.yaml") == Listing(2, ())
    with pytest.raises(StoreError, match=r"d\.yaml: schema: expected `int`, got `str`"):
        convert({"schema": "2", "videos": []}, Listing, "d.yaml")
