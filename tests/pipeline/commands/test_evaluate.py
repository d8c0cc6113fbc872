import pytest


@pytest.mark.slow
def test_figures_are_printed_and_the_page_is_written_unless_left_out(call, trained, capsys):
    page = trained / "synthetic" / "evaluation" / "training.html"
    page.unlink(missing_ok=True)
    assert call("evaluate", "--out", trained, "--no-page") == 0
    out = capsys.readouterr().out
    assert "16 test videos" in out
    assert "95 % interval" in out
    assert "what reviewers ask for as well: 16 test videos" in out
    assert "AUC within videos" in out
    assert "beside CLIP without any training, per cent: 16 test videos" in out
    assert out.count("zero-shot CLIP") == 2
    assert "to it texts mean nothing, figures are chance" in out
    assert "this checkpoint" in out
    assert "false alarms per hour by recall of events: " in out
    last = out.splitlines()[-2:]
    assert last[0].startswith("CAUTION: the model was trained with the demo's random CLIP")
    assert last[1].startswith("CAUTION: not calibrated: no calibration chose the threshold of 0.5,")
    assert not page.exists()
    assert call("evaluate", "--out", trained) == 0
    assert f"open it in a browser: {page}" in capsys.readouterr().out
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert (
        text.index("</h1>") < text.index("Caution:</strong> the model was") < text.index("<table")
    )
