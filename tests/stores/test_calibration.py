import json
import math

import pytest

from stores.calibration import FILE, Calibration, load_calibration, save_calibration
from stores.records import EventRule, StoreError

MADE = Calibration(
    model_fingerprint="m" * 16,
    dataset="ucf",
    split="test",
    videos=290,
    hours=10.5,
    events=140,
    chosen_by="1 false alarms per hour or fewer",
    rule=EventRule(threshold=0.1 + 0.2, release=0.9),
    temperature=1 / 3,
    recall=0.8,
    false_alarms_per_hour=0.95,
    error_before=0.2,
    error_after=0.05,
    unseen={"error": 0.06},
)


def test_round_trip_is_exact(tmp_path):
    assert load_calibration(tmp_path) is None
    assert save_calibration(tmp_path, MADE) == tmp_path / FILE
    assert load_calibration(tmp_path) == MADE


def test_one_from_before_there_were_gaps_has_the_default(tmp_path):
    path = save_calibration(tmp_path, MADE)
    content = json.loads(path.read_text())
    del content["rule"]["longest_gap"]
    path.write_text(json.dumps(content))
    assert load_calibration(tmp_path) == MADE


def test_a_damaged_field_is_named(tmp_path):
    path = save_calibration(tmp_path, MADE)
    path.write_text(path.read_text().replace('"release": 0.9', '"release": "0.9"'))
    with pytest.raises(StoreError, match=r"rule\.release: expected `float`, got `str`"):
        load_calibration(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("temperature", 0, "temperature: expected `float` >= 0.01"),
        ("temperature", -2.5, "temperature: expected `float` >= 0.01"),
        ("temperature", math.nan, "temperature: expected `float` >= 0.01"),
        ("temperature", 1e9, "temperature: expected `float` <= 100"),
        ("temperature", math.inf, "temperature: expected `float` <= "),
        ("videos", -1, "videos: expected `int` >= 0"),
        ("rule", {"threshold": 1.5}, r"rule\.threshold: expected `float` <= 1"),
        ("rule", {"threshold": math.nan}, r"rule\.threshold: expected `float` >= 0"),
        ("rule", {"release": -0.1}, r"rule\.release: expected `float` >= 0"),
        ("rule", {"minimum_frames": 0}, r"rule\.minimum_frames: expected `int` >= 1"),
        ("rule", {"minimum_frames": 2**40}, r"rule\.minimum_frames: expected `int` <= "),
        ("unseen", {"error": math.nan}, r"unseen\[\.\.\.\]: expected `float`"),
    ],
)
def test_a_number_out_of_its_range_is_named(tmp_path, field, value, said):
    path = save_calibration(tmp_path, MADE)
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(StoreError, match=f"damaged {path}: {said}.*; calibrate again or remove it"):
        load_calibration(tmp_path)


def test_a_folder_of_its_name_is_not_passed_over(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match=f"{tmp_path / FILE} is no file; move it away"):
        load_calibration(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", '{"schema": 1}', '{"schema": 1, "rule": 3}', "[]", "\xff", '{"rule": {}}']
)
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StoreError, match=f"damaged .*{FILE}.*calibrate again or remove it"):
        load_calibration(tmp_path)


def test_a_file_of_another_version_is_refused(tmp_path):
    (tmp_path / FILE).write_text('{"schema": 99}')
    with pytest.raises(StoreError, match="has schema 99, expected 1; calibrate again or remove it"):
        load_calibration(tmp_path)
