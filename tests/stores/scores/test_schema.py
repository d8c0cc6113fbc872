import json
from dataclasses import replace
from pathlib import Path

import pytest

from stores.records import (
    EventRule,
    StoreError,
)
from stores.scores.schema import (
    ScoreHeader,
    class_columns,
    scores_schema,
)

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule(0.1 + 0.2), 1 / 3)
PART = Path("/scores/events/part-0.parquet")


def test_a_header_comes_back_from_its_metadata_exactly():
    plain = replace(HEADER, score_temperature=None)
    for header in (HEADER, plain, replace(plain, features="demo", calibrated="normal")):
        assert ScoreHeader.from_metadata(header.metadata(), PART) == header


CHANGES = {
    b"classes": (7, r"classes: expected `array`, got `int`"),
    b"event_rule": (
        {"threshold": "x", "release": 1, "minimum_frames": 1, "longest_gap": 2},
        r"rule\.threshold: expected `float`, got `str`",
    ),
    b"score_temperature": ("x", r"score_temperature: expected `float \| null`, got `str`"),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_value_of_another_type_is_named(key):
    value, said = CHANGES[key]
    with pytest.raises(StoreError, match=f"{PART}: {said}"):
        ScoreHeader.from_metadata(HEADER.metadata() | {key: json.dumps(value).encode()}, PART)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (b"event_rule", b'{"limit": 3}', "rule: got limit, of another version"),
        (b"event_rule", b"[]", "rule: expected `object`, got `array`"),
        (b"event_rule", b"[" * 10_000, "rule: maximum recursion"),
        (b"event_rule", b"{", "rule: expecting property name"),
        (
            b"event_rule",
            b'{"threshold": NaN, "release": 1, "minimum_frames": 1, "longest_gap": 2}',
            r"rule\.threshold: expected `float` >= 0",
        ),
        (b"score_temperature", b"0", r"score_temperature: expected `float` >= 0\.01"),
        (b"score_temperature", b"NaN", r"score_temperature: expected `float` >= 0\.01"),
        (b"features", b"sound", "features: invalid enum value 'sound'"),
        (b"calibrated", b"yes", "calibrated: invalid enum value 'yes'"),
    ],
)
def test_a_damaged_or_impossible_value_is_named(key, text, said):
    with pytest.raises(StoreError, match=f"{PART}: {said}"):
        ScoreHeader.from_metadata(HEADER.metadata() | {key: text}, PART)


def test_a_key_that_is_missing_is_named_in_words():
    with pytest.raises(TypeError, match="its metadata have no calibrated, classes, event_rule, f"):
        ScoreHeader.from_metadata({}, PART)


@pytest.mark.parametrize("version", [b"1", b"4", b"5"])
def test_files_of_earlier_versions_are_refused_by_name(version):
    """They do not say what their videos' files held or what is known of their calibration."""
    fewer = {b"schema_version": version}  # they had fewer keys, which is no damage
    for metadata in (HEADER.metadata() | fewer, fewer):
        said = f"{PART} has schema ., expected 6; move its folder away"
        with pytest.raises(StoreError, match=said):
            ScoreHeader.from_metadata(metadata, PART)


def test_every_class_has_a_column_and_no_value_may_be_missing():
    schema = scores_schema(HEADER)
    assert schema.names[-2:] == ["p_normal", "p_fire"]
    assert not any(field.nullable for field in schema)
    assert ScoreHeader.from_metadata(schema.metadata, PART) == HEADER


@pytest.mark.parametrize(
    ("classes", "columns"),
    [
        (("normal", "Road Accident", "RoadAccidents"), "normal road_accident roadaccidents"),
        (("a b", "a-b", "A  B!", "a b 2"), "a_b a_b_2 a_b_3 a_b_2_2"),
        (("Überfall", "café", "ﬁre"), "uberfall cafe fire"),
        (("normal", "火灾", '$\n"', ""), "normal class_1 class_2 class_3"),
        (("class_1", "драка"), "class_1 class_1_2"),
        (("7", "select", "p_x"), "7 select p_x"),
    ],
)
def test_columns_of_classes_need_no_quotes_and_are_unique(classes, columns):
    assert class_columns(classes) == [f"p_{name}" for name in columns.split()]
