from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from model.scoring.events import label_all
from pipeline.commands.calibrate import render, render_normal
from pipeline.stages.calibrate import CalibrateReport
from pipeline.stages.calibrate_normal import Moment, NormalReport
from stores.calibration import Calibration
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

MADE = Calibration(
    model_fingerprint="m" * 16,
    dataset="cameras",
    split="normal",
    videos=2,
    hours=2.0,
    events=0,
    chosen_by="0.1 false alarms per hour or fewer",
    rule=EventRule(threshold=0.9),
    temperature=None,
    recall=None,
    false_alarms_per_hour=0.0,
    error_before=None,
    error_after=None,
    unseen={},
    interval=(0.0, 1.844),
)


@pytest.mark.slow
def test_the_choice_and_what_it_is_worth_are_printed(call, trained, capsys):
    assert call("calibrate", "--out", trained, "--recall", 0.5, "--force") == 0
    out = capsys.readouterr().out
    folder = trained / "synthetic" / "train"
    assert out.startswith(f"calibrated {folder} on the test split of synthetic: 16 videos, ")
    assert "(recall of 0.5 or more): finds " in out
    assert "expected calibration error" in out
    assert out.endswith(f"use it from now on · {folder / 'calibration.json'}\n")
    (folder / "calibration.json").unlink()


def test_normal_footage_says_what_it_tells_and_what_not(capsys):
    report = CalibrateReport(MADE, Path("train"), Path("train/calibration.json"), ())
    moments = (Moment(0.8999, "a.mp4", 7232.2),)
    assert render_normal(NormalReport(report, 0, moments, "2.00 hours are too short")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "calibrated train on scores in which nothing happened: 2 videos, 2.00 hours · cameras",
        "  threshold 0.9000 (0.1 false alarms per hour or fewer): 0 events of 16 frames or more, "
        "0.00 false alarms per hour, with 95 % confidence 0.00 to 1.84",
        "  what it finds of true events nobody knows: there are none in this footage",
        "  highest moments, worth a look: where something happened, the threshold is too high",
        "  0.8999 at 2:00:32 in a.mp4",
        "CAUTION: 2.00 hours are too short",
        "`score` and `watch` use it from now on · train/calibration.json",
    ]


def test_quiet_footage_calibrates_from_the_command_line(call, trained, tmp_path, capsys):
    folder = trained / "synthetic" / "train"
    header = ScoreHeader(
        ("normal", "fire"), load_checkpoint(folder).fingerprint, "r" * 16, EventRule()
    )
    score = np.full(3601, 0.25, dtype=np.float32)
    scores = VideoScores(
        item=VideoItem("a.mp4", "/a.mp4"),
        times=np.arange(3601, dtype=np.float64),
        score=score,
        probabilities=np.stack([1 - score, score], axis=1),
    )
    write_scores(tmp_path, header, label_all([scores], header))
    options = "--normal", tmp_path, "--false-alarms-per-hour", 4
    assert call("calibrate", "--out", trained, *options) == 0
    out = capsys.readouterr().out
    assert "threshold 0.2500 (4 false alarms per hour or fewer): 0 events of 16 frames" in out
    assert "CAUTION" not in out  # 1 hour is enough for 4 an hour
    (folder / "calibration.json").unlink()


def test_what_is_not_installed_says_so_last_and_by_its_exit_code(capsys):
    made = replace(MADE, split="test", recall=1.0, doubts=("168 false alarms per hour are many",))
    report = CalibrateReport(
        made, Path("train"), Path("train/calibration.json"), ("it is; --force",)
    )
    assert render(report) == 2
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "CAUTION: 168 false alarms per hour are many",
        "NOT INSTALLED: it is; --force",
    ]
