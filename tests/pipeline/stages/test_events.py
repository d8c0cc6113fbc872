import json
import math
from dataclasses import asdict, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from model.checkpoint import Checkpoint, Provenance
from model.heads.base import load
from model.scoring.events import label_all
from pipeline.commands.events import EventsRun
from pipeline.options import EventOptions
from pipeline.stages.events import events, open_labelled, read_rule
from stores.records import EventRule, Failure, StoreError, VideoItem, VideoScores
from stores.scores.parts import folder_header
from stores.scores.reader import read_events
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule(release=0.9))


@pytest.fixture
def folder(tmp_path):
    score = np.full(100, 0.1, dtype=np.float32)
    score[32:64] = 0.7
    scores = VideoScores(
        VideoItem("a", "/a"), np.arange(100) / 25, score, np.stack([1 - score, score], axis=1)
    )
    failure = Failure(VideoItem("b", "/b"), "no picture")
    write_scores(tmp_path, HEADER, label_all([scores], HEADER), [failure])
    return tmp_path


def test_what_is_not_given_stays_as_it_is(folder):
    assert len(read_events(folder)) == 1
    report = events(EventsRun(folder, events=EventOptions(threshold=0.75)))
    assert report.header == folder_header(folder) == replace(HEADER, rule=EventRule(0.75, 0.9))
    assert (report.changed, [row.events for row in report.videos]) == (1, [0, 0])
    report = events(EventsRun(folder, events=EventOptions(minimum_frames=33)))
    assert report.header.rule == EventRule(0.75, 0.9, 33)
    assert events(EventsRun(folder)).changed == 0


@pytest.mark.parametrize(
    ("options", "kind"), [({"threshold": 0.5}, "normal"), ({"threshold": 0.6}, "no")]
)
def test_a_calibrations_rule_is_its_own_until_an_option_changes_it(folder, options, kind):
    calibrated = replace(HEADER, calibrated="normal")
    open_labelled(folder, calibrated, None)
    assert folder_header(folder) == calibrated
    report = events(EventsRun(folder, events=EventOptions(**options)))
    assert report.header.calibrated == folder_header(folder).calibrated == kind


def test_a_saved_rule_is_taken_over_and_options_go_before_it(folder, tmp_path):
    file = tmp_path / "rule.json"
    rule = EventRule(threshold=0.1 + 0.2, release=0.5, minimum_frames=7)
    file.write_text(json.dumps(asdict(rule)))
    assert events(EventsRun(folder, rule=file)).header.rule == rule
    run = EventsRun(folder, rule=file, events=EventOptions(minimum_frames=40))
    assert events(run).header.rule == replace(rule, minimum_frames=40)
    assert read_events(folder) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"threshold": 1.5}, r"threshold: expected `float` <= 1"),
        ({"threshold": math.nan}, "threshold: expected `float` >= 0"),
        ({"threshold": 0.5, "release": -1}, "release: expected `float` >= 0"),
        ({"threshold": 0.5, "minimum_frames": 0}, "minimum_frames: expected `int` >= 1"),
        ({"threshold": "high"}, "threshold: expected `float`, got `str`"),
        ({"release": 0.5}, "is no rule: it has to hold threshold"),
        ({"threshold": 0.5, "treshold": 0.4}, "is no rule"),
        ({"schema": 1, "rule": {"threshold": 0.5}}, "is no rule"),
        ([0.5], "damaged"),
    ],
)
def test_a_file_that_is_no_rule_is_named(tmp_path, content, said):
    file = tmp_path / "rule.json"
    file.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=said) as error:
        read_rule(file)
    assert str(file) in str(error.value)


def test_mistakes_are_named_and_leave_the_folder_as_it_is(folder, tmp_path):
    with pytest.raises(StoreError, match="no such file: .*gone.json"):
        events(EventsRun(folder, rule=tmp_path / "gone.json"))
    with pytest.raises(ValueError, match="--threshold has to be from 0 to 1, got 2"):
        events(EventsRun(folder, events=EventOptions(threshold=2)))
    with pytest.raises(ValueError, match="--no-calibrated needs --checkpoint"):
        events(EventsRun(folder, events=EventOptions(calibrated=False)))
    with pytest.raises(StoreError, match="no scores in .*gone; run `make score`"):
        events(EventsRun(tmp_path / "gone"))
    assert not (tmp_path / "gone").exists()
    assert folder_header(folder) == HEADER


def checkpoint_of(head):
    """A checkpoint of a head without weights, which events do not need."""
    model, training = load(head).configure("small", classes=2)
    provenance = Provenance(
        dataset="made",
        classes=HEADER.classes,
        prompts=(("normal",), ("fire",)),
        test_crop=0,
        recipe="",
        recipe_fingerprint=HEADER.recipe_fingerprint,
        clip_weights="",
        protocol="heldout",
    )
    return Checkpoint(head, model, training, provenance, {}, {}, torch.zeros(2, model.width))


def test_opening_a_folder_for_another_rule_says_so_once(folder, caplog):
    caplog.set_level("INFO")
    other = replace(HEADER, rule=EventRule(threshold=0.8))
    for _ in range(2):
        open_labelled(folder, other, checkpoint_of("dsanet"))
    assert caplog.messages == [
        f"{folder}: 1 video had events by another rule or calibration; now by threshold 0.8, "
        "release 0.8, 16 frames"
    ]


@pytest.mark.parametrize(("head", "moved"), [("dsanet", True), ("vadclip", False)])
def test_another_temperature_needs_the_model_to_be_taken_up(folder, head, moved):
    """What gave half of a folder a temperature was killed: the other half needs the checkpoint."""
    with pytest.raises(
        StoreError, match=r"its temperature \(2\.0\), others None; give --checkpoint"
    ):
        open_labelled(folder, replace(HEADER, score_temperature=2.0), None)
    frames = pq.read_table(folder / "scores").to_pydict()
    open_labelled(folder, replace(HEADER, score_temperature=2.0), checkpoint_of(head))
    assert folder_header(folder).score_temperature == 2.0
    changed = pq.read_table(folder / "scores").to_pydict()
    assert changed["score"] != frames["score"]
    # What a temperature of the score does to class probabilities is the head's own.
    assert (changed["p_fire"] != frames["p_fire"]) == moved
