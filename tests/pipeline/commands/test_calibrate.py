from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.commands.calibrate import render, render_normal
from pipeline.stages.calibrate import CalibrateReport
from pipeline.stages.calibrate_normal import Moment, NormalReport
from stores.calibration import Calibration
from stores.records import EventRule

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


def test_normal_footage_says_what_it_tells_and_what_not(capsys):
    report = CalibrateReport(MADE, Path("train"), Path("train/calibration.json"), ())
    moments = (Moment(0.8999, "a.mp4", 7232.2),)
    assert render_normal(NormalReport(report, 0, moments, "2.00 hours are too short")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "calibrated train on scores in which nothing happened: 2 videos, 2.00 hours · cameras",
        "  threshold 0.9000 (0.1 false alarms per hour or fewer): 0 events of 16 frames or more, "
        "0.00 false alarms per hour, with 95 % confidence 0.00 to 1.84",
        "  what it finds of true events nobody knows: there are none in this footage",
        "  highest moments; look at them: one at which something happened has no place",
        "  0.8999 at 2:00:32 in a.mp4",
        "CAUTION: 2.00 hours are too short",
        "`score` and `watch` use it from now on · train/calibration.json",
    ]


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
