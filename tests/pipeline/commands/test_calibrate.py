import pytest


@pytest.mark.slow
def test_the_choice_and_what_it_is_worth_are_printed(call, trained, capsys):
    assert call("calibrate", "--out", trained, "--recall", 0.5) == 0
    out = capsys.readouterr().out
    folder = trained / "synthetic" / "train"
    assert out.startswith(f"calibrated {folder} on the test split of synthetic: 16 videos, ")
    assert "(recall of 0.5 or more): finds " in out
    assert "expected calibration error" in out
    assert out.endswith(f"use it from now on · {folder / 'calibration.json'}\n")
