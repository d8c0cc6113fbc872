"""Foreign content becomes a record, or one line that names the file and the field."""

import json
from dataclasses import dataclass

import pytest

from stores.files.typed import Document, convert, decode_json, read_json
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
        (GOOD[:-3], "damaged v.json: expecting"),
        (
            GOOD.replace('"path"', '"video_id": "b", "path"'),
            "damaged v.json: video_id: given twice",
        ),
        ("[]", r"damaged v\.json: expected `object`, got `array`"),
        ("[" * 100_000, "damaged v.json"),
        (b"\xff\xfe", "damaged v.json"),
    ],
)
def test_damage_is_one_line_with_file_and_field(text, told):
    with pytest.raises(StoreError, match=told):
        decode_json(text, Listing, "v.json")


def test_a_document_is_anything_of_ours_and_nests_no_deeper():
    ours = {"a": None, "b": {"c": [["d"], {"e": 1.5}]}}
    assert decode_json(json.dumps(ours), Document, "v.json") == ours
    for depth in (5, 900, 100_000):
        with pytest.raises(StoreError, match="damaged v.json"):
            decode_json('{"a": ' + "[" * depth + "]" * depth + "}", Document, "v.json")


def test_a_folder_of_the_files_name_is_not_passed_over(tmp_path):
    with pytest.raises(StoreError, match=f"{tmp_path} is no file; move it away"):
        read_json(tmp_path, Listing)


def test_a_path_that_is_no_utf8_comes_back_as_it_was():
    text = json.dumps({"video_id": "a", "path": "/caf\udce9"})
    assert decode_json(text, VideoItem, "v.json").path == "/caf\udce9"


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": [1]}'])
def test_another_schema_is_refused_with_what_to_do(text):
    assert decode_json(GOOD, Listing, "v.json", schema=1).schema == 1
    with pytest.raises(StoreError, match=r"^v\.json has schema 1, expected 2; write it anew$"):
        decode_json(GOOD, Listing, "v.json", schema=2, remedy="write it anew")
    with pytest.raises(StoreError, match=r"^damaged v\.json: .*; write it anew$"):
        decode_json(text, Listing, "v.json", schema=2, remedy="write it anew")


def test_a_file_is_read_or_is_not_there_or_is_named(tmp_path):
    path = tmp_path / "v.json"
    assert read_json(path, Listing) is None
    path.write_text(GOOD)
    assert read_json(path, Listing) == decode_json(GOOD, Listing, path)
    path.write_text("{")
    with pytest.raises(StoreError, match=f"damaged {path}"):
        read_json(path, Listing)


def test_one_user_may_not_read_anothers_file(public, without_privileges):
    path = public / "v.json"
    path.write_text(GOOD)
    path.chmod(0)
    with without_privileges(), pytest.raises(StoreError, match=f"cannot read {path}: Permission"):
        read_json(path, Listing)


def test_yaml_content_is_held_to_the_same_types():
    assert convert({"schema": 2, "videos": []}, Listing, "d.yaml") == Listing(2, ())
    with pytest.raises(StoreError, match=r"d\.yaml: schema: expected `int`, got `str`"):
        convert({"schema": "2", "videos": []}, Listing, "d.yaml")
