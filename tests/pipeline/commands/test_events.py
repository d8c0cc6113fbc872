"""Scores that lie there by another rule, against the same scored anew."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from model.scoring.events import label_all
from pipeline.commands.evaluate import EvaluateRun
from pipeline.options import EventOptions
from pipeline.stages.cautions import calibration_kind
from pipeline.stages.scoring_plan import make_scoring_plan
from pipeline.stages.split import load_test_split
from stores.calibration import load_calibration
from stores.records import EventRule, VideoItem
from stores.scores.parts import folder_header
from stores.scores.reader import read_events, read_scores, read_videos
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def test_split(trained):
    return load_test_split(EvaluateRun(out=trained, device="cpu"))


@pytest.fixture
def write_anew(test_split, tmp_path):
    """Write the scores that the model makes with a rule and a temperature; return their folder."""

    def write(name, rule, temperature=None, calibrated="no"):
        made = test_split.checkpoint
        fixed = made.provenance.classes, made.fingerprint, "r" * 16
        header = ScoreHeader(*fixed, rule, temperature, calibrated=calibrated)
        scores = test_split.scored("cpu", temperature).scores
        for start in range(0, len(scores), 5):
            write_scores(tmp_path / name, header, label_all(scores[start : start + 5], header))
        return tmp_path / name

    return write


def frames_of(folder):
    items = [VideoItem(row.video_id, "") for row in read_videos(folder)]
    return {each.item.video_id: each for each in read_scores(folder, items)}


def test_a_threshold_makes_the_events_of_scoring_anew(call, write_anew, capsys):
    folder = write_anew("there", EventRule())
    middle = float(np.median([row.peak for row in read_videos(folder)]))
    rule = EventRule(threshold=middle, release=0.9, minimum_frames=20)
    expected = write_anew("anew", rule)
    options = "--threshold", middle, "--release", 0.9, "--minimum-frames", 20
    assert call("events", folder, *options) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"events: {len(read_events(expected))} in 16 videos, by threshold ")
    assert read_events(folder) == read_events(expected) != []
    assert folder_header(folder) == folder_header(expected)
    rows, anew = ({v.video_id: v for v in read_videos(each)} for each in (folder, expected))
    for name, row in rows.items():
        assert (row.events, row.label, row.peak) == (
            anew[name].events,
            anew[name].label,
            anew[name].peak,
        )
    assert call("events", folder, *options) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_calibration_makes_the_scores_of_scoring_anew_and_can_be_taken_back(
    call, trained, write_anew, capsys
):
    checkpoint = trained / "synthetic" / "train"
    plain = write_anew("plain", EventRule())
    shutil.copytree(plain, folder := plain.with_name("there"))
    assert call("calibrate", "--out", trained, "--recall", 0.5, "--force") == 0
    made = load_calibration(checkpoint)
    kind = calibration_kind(made, made.rule)
    calibrated = write_anew("anew", made.rule, made.temperature, kind)
    for options, expected in (((), calibrated), (("--no-calibrated",), plain)):
        before = frames_of(folder)
        assert call("events", folder, "--checkpoint", checkpoint, *options) == 0
        assert folder_header(folder) == folder_header(expected)
        anew = frames_of(expected)
        for name, scores in frames_of(folder).items():
            tells = before[name].score < 0.9999  # above it, float32 leaves less of the logit
            for field in ("score", "probabilities"):
                ours, theirs = getattr(scores, field), getattr(anew[name], field)
                np.testing.assert_allclose(ours[tells], theirs[tells], atol=2e-5)
                np.testing.assert_allclose(ours, theirs, atol=0.012)
    (checkpoint / "calibration.json").unlink()


def test_watch_does_it_by_itself(call, trained, test_split, tmp_path):
    checkpoint, out = trained / "synthetic" / "train", tmp_path / "scores"
    header = make_scoring_plan(checkpoint, "", EventOptions()).header
    write_scores(out, header, label_all(test_split.scored("cpu").scores[:3], header))
    (tmp_path / "videos").mkdir()
    options = "--checkpoint", checkpoint, "--out", out, "--threshold", 0.99, "--once"
    assert call("watch", tmp_path / "videos", *options) == 0
    assert folder_header(out) == replace(header, rule=EventRule(threshold=0.99))


def test_an_evaluations_scores_get_a_rule_and_another_models_are_refused(
    call, trained, write_anew, test_split, capsys
):
    assert call("evaluate", "--out", trained) == 0
    folder = trained / "synthetic" / "evaluation"
    assert call("events", folder, "--threshold", 1) == 0
    assert read_events(folder) == []
    assert call("evaluate", "--out", trained) == 0
    assert folder_header(folder).rule == EventRule()
    other = write_anew("other", EventRule())
    header = ScoreHeader(test_split.checkpoint.provenance.classes, "x" * 16, "r" * 16, EventRule())
    shutil.rmtree(other)
    write_scores(other, header, label_all(test_split.scored("cpu").scores[:1], header))
    capsys.readouterr()
    assert call("events", other, "--checkpoint", trained / "synthetic" / "train") == 2
    assert "holds scores of another model (xxxxxxxxxxxxxxxx)" in capsys.readouterr().err
