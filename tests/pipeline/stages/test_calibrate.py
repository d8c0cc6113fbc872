from dataclasses import replace

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from model.device import device_named
from model.evaluation.false_alarms import alarm_point
from model.evaluation.summary import ScoredSplit
from model.scoring.scorer import score_features
from pipeline.commands.calibrate import CalibrateRun
from pipeline.commands.train import TrainRun
from pipeline.options import EventOptions
from pipeline.stages.calibrate import calibrate, with_doubts
from pipeline.stages.scoring_plan import make_scoring_plan
from pipeline.stages.train import train
from stores.calibration import FILE, Calibration, save_calibration
from stores.datasets import base
from stores.features.feature_set import load_test, open_features
from stores.records import EventRule


@pytest.fixture(scope="module")
def trained(learnable):
    """A checkpoint that others may train in the same folder too; the settings are the same."""
    return train(TrainRun(out=learnable, epochs=12)).folder


@pytest.fixture
def uncalibrated(trained):
    """The same checkpoint, before and after a test without a calibration."""
    (trained / FILE).unlink(missing_ok=True)
    yield trained
    (trained / FILE).unlink(missing_ok=True)


def counted(checkpoint, out):
    """The test split scored with what `score` would use, and what that rule finds in it."""
    scoring = make_scoring_plan(checkpoint, "", EventOptions())
    provenance = load_checkpoint(checkpoint).provenance
    catalog = open_features(out / "synthetic" / "features", base.load("synthetic"))
    test = load_test(catalog, provenance.shard_recipe, provenance.test_crop)
    scores = list(score_features(scoring.build_scorer(device_named("cpu")), test, crop=0))
    split = ScoredSplit(test, scores, provenance.classes)
    return alarm_point(split.counted_scores, split.anomalies, split.hours, scoring.header.rule)


def test_scoring_reaches_what_the_calibration_promises(uncalibrated, learnable):
    made = calibrate(CalibrateRun(out=learnable, recall=0.7, force=True)).calibration
    assert made.recall >= 0.7
    found = counted(uncalibrated, learnable)
    assert found.threshold == made.rule.threshold
    assert found.recall == pytest.approx(made.recall)
    assert found.false_alarms_per_hour == pytest.approx(made.false_alarms_per_hour)
    run = CalibrateRun(out=learnable, false_alarms_per_hour=0.0, force=True)
    few = calibrate(run).calibration
    assert counted(uncalibrated, learnable).false_alarms_per_hour == 0
    assert few.chosen_by == "0 false alarms per hour or fewer"
    assert few.temperature == made.temperature
    assert (few.error_before, few.error_after) == (made.error_before, made.error_after)


def test_scores_of_a_calibrated_checkpoint_are_probabilities_of_the_same_order(
    uncalibrated, learnable
):
    plain = make_scoring_plan(uncalibrated, "", EventOptions()).build_scorer(device_named("cpu"))
    calibrate(CalibrateRun(out=learnable, force=True))
    scoring = make_scoring_plan(uncalibrated, "", EventOptions())
    calibrated = scoring.build_scorer(device_named("cpu"))
    catalog = open_features(learnable / "synthetic" / "features", base.load("synthetic"))
    provenance = scoring.checkpoint.provenance
    video = load_test(catalog, provenance.shard_recipe, provenance.test_crop)[1]
    before, after = (next(score_features(s, [video], crop=0)) for s in (plain, calibrated))
    assert not np.allclose(before.score, after.score)
    np.testing.assert_allclose(after.score, 1 - after.probabilities[:, 0], atol=1e-6)
    np.testing.assert_allclose(after.probabilities.sum(axis=1), 1, atol=1e-5)
    order = np.argsort(before.score, kind="stable")
    assert (np.diff(after.score[order]) >= 0).all()
    aside = make_scoring_plan(uncalibrated, "", EventOptions(calibrated=False))
    assert (aside.header.rule, aside.header.score_temperature) == (EventRule(), None)


def test_options_are_over_the_calibration_and_over_the_defaults(uncalibrated, learnable):
    run = CalibrateRun(out=learnable, release=0.5, temperature=False)
    made = calibrate(run).calibration
    assert (made.temperature, made.rule.release) == (None, 0.5)
    found = make_scoring_plan(uncalibrated, "", EventOptions())
    assert (found.header.rule, found.header.calibrated) == (made.rule, "test")
    found = make_scoring_plan(uncalibrated, "", EventOptions(threshold=0.9, minimum_frames=32))
    assert found.header.rule == EventRule(threshold=0.9, release=0.5, minimum_frames=32)
    assert found.header.calibrated == "no"


def test_the_calibration_of_another_checkpoint_is_named_and_not_used(
    uncalibrated, learnable, caplog
):
    made = calibrate(CalibrateRun(out=learnable, force=True)).calibration
    save_calibration(uncalibrated, replace(made, model_fingerprint="0" * 16))
    found = make_scoring_plan(uncalibrated, "", EventOptions())
    assert (found.header.rule, found.header.score_temperature) == (EventRule(), None)
    assert "belongs to another checkpoint (0000000000000000, now" in caplog.text


def test_a_larger_error_is_not_installed_unless_it_is_wanted(uncalibrated, learnable):
    report = calibrate(CalibrateRun(out=learnable, recall=0.7))
    made = report.calibration
    assert made.error_after > made.error_before
    (doubt,) = made.doubts
    said = f"the temperature makes the calibration error worse: {made.error_before:.4f} before, "
    assert doubt.startswith(said)
    assert report.against == ("it is worth little; --force installs it nevertheless",)
    assert not (uncalibrated / FILE).exists()
    assert make_scoring_plan(uncalibrated, "", EventOptions()).header.calibrated == "no"
    wanted = calibrate(CalibrateRun(out=learnable, recall=0.7, force=True))
    assert (wanted.against, wanted.calibration) == ((), made)
    header = make_scoring_plan(uncalibrated, "", EventOptions()).header
    assert (header.rule, header.calibrated) == (made.rule, "doubtful")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"false_alarms_per_hour": 60.0}, []),
        ({"false_alarms_per_hour": 168.4}, ["168 false alarms per hour are more than anybody"]),
        ({"unseen": {"false_alarms_per_hour": 90.0}}, ["90 false alarms per hour are more than"]),
        ({"error_after": 0.3}, ["error worse: 0.2000 before, 0.3000 after; --no-temperature"]),
        ({"unseen": {"error": 0.25}}, ["0.2000 before, 0.2500 after on unseen videos; --no-te"]),
        ({"unseen": {"error": 0.25}, "temperature": None}, []),
    ],
)
def test_what_makes_a_calibration_worth_little_is_said(fields, said):
    made = Calibration(
        model_fingerprint="m" * 16,
        dataset="ucf",
        split="test",
        videos=290,
        hours=10.5,
        events=140,
        chosen_by="recall of 0.8 or more",
        rule=EventRule(),
        temperature=2.0,
        recall=0.8,
        false_alarms_per_hour=1.0,
        error_before=0.2,
        error_after=0.05,
        unseen={},
    )
    doubts = with_doubts(replace(made, **fields)).doubts
    assert len(doubts) == len(said)
    assert all(words in doubt for words, doubt in zip(said, doubts, strict=True))


def test_mistakes_are_named(uncalibrated, learnable):
    with pytest.raises(ValueError, match="one threshold cannot do both"):
        calibrate(CalibrateRun(out=learnable, recall=0.5, false_alarms_per_hour=1))
    assert not (uncalibrated / FILE).exists()
