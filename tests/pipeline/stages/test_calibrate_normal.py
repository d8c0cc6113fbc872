import shutil
from dataclasses import replace

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from model.scoring.events import label_all
from pipeline.commands.calibrate import CalibrateRun
from pipeline.commands.train import TrainRun
from pipeline.options import EventOptions
from pipeline.stages.calibrate import calibrate
from pipeline.stages.calibrate_normal import calibrate_normal
from pipeline.stages.scoring_plan import make_scoring_plan
from pipeline.stages.train import train
from stores.calibration import FILE, load_calibration, save_calibration
from stores.records import EventRule, Failure, StoreError, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

PEAKS = (0.62, 0.71, 0.83)  # of one segment each, in an hour
RULE = EventRule(release=0.9)


@pytest.fixture(scope="module")
def trained(learnable):
    return train(TrainRun(out=learnable, epochs=1, name="quiet")).folder


@pytest.fixture
def checkpoint(trained, tmp_path):
    """A copy of it that no other test calibrates."""
    return shutil.copytree(trained, tmp_path / "checkpoint")


def hour(video_id, peaks):
    """An hour of one frame a second, quiet but for some peaks of 16 frames."""
    score = np.full(3601, 0.1, dtype=np.float32)
    for number, peak in enumerate(peaks):
        score[500 * (number + 1) :][:16] = peak
    times = np.arange(3601, dtype=np.float64)
    return VideoScores(
        VideoItem(video_id, f"/cameras/{video_id}"), times, score, np.stack([1 - score, score], 1)
    )


@pytest.fixture
def scores(checkpoint, tmp_path):
    """Two hours of scores by the checkpoint: three peaks, a quiet hour, and a video that failed."""
    header = ScoreHeader(
        ("normal", "fire"), load_checkpoint(checkpoint).fingerprint, "r" * 16, RULE, 1.5
    )
    videos = label_all([hour("a", PEAKS), hour("b", ())], header)
    write_scores(tmp_path / "scores", header, videos, [Failure(VideoItem("c", ""), "gone")])
    return tmp_path / "scores"


@pytest.mark.parametrize(
    ("rate", "alarms", "over"),
    [(0.0, 0, 0.83), (0.5, 1, 0.71), (1.0, 2, 0.62), (1.5, 3, 0.1 / 0.9)],
)
def test_the_lowest_threshold_of_so_many_alarms_is_chosen(checkpoint, scores, rate, alarms, over):
    run = CalibrateRun(checkpoint, normal=scores, false_alarms_per_hour=rate)
    report = calibrate_normal(run)
    made = report.report.calibration
    assert (report.alarms, made.false_alarms_per_hour) == (alarms, alarms / 2)
    assert over < made.rule.threshold < over + 1e-6
    assert (made.videos, made.hours, made.split) == (2, 2.0, "normal")
    assert (made.temperature, made.rule.release) == (1.5, RULE.release)
    assert made.interval[0] <= made.false_alarms_per_hour < made.interval[1]
    found = [round(moment.peak, 2) for moment in report.moments]
    assert found == [0.83, 0.71, 0.62][: alarms + 1]
    assert load_calibration(checkpoint) == made
    header = make_scoring_plan(checkpoint, "", EventOptions()).header
    assert (header.rule, header.score_temperature) == (made.rule, 1.5)
    assert header.calibrated == "normal"


def test_footage_that_is_too_short_for_a_rate_says_so_with_its_bound(checkpoint, scores):
    run = CalibrateRun(checkpoint, normal=scores, false_alarms_per_hour=0.1)
    assert calibrate_normal(run).shortfall == (
        "2.00 hours are too short to tell 0.1 false alarms per hour: even none in them leaves up "
        "to 1.84 per hour (95 % confidence); it takes 36.9 hours"
    )
    assert calibrate_normal(replace(run, false_alarms_per_hour=2.0)).shortfall == ""
    none = calibrate_normal(replace(run, false_alarms_per_hour=0.0)).shortfall
    assert none.endswith("; no length of footage can")


def test_the_rule_of_events_counts_so_longer_ones_alone_are_alarms(checkpoint, scores):
    run = CalibrateRun(checkpoint, normal=scores, false_alarms_per_hour=0.0, minimum_frames=17)
    assert calibrate_normal(run).report.calibration.rule.threshold < 0.12


def test_a_labelled_calibration_is_kept_unless_it_is_to_be_replaced(checkpoint, scores, learnable):
    calibrate(CalibrateRun(checkpoint, out=learnable, recall=0.5, temperature=False, force=True))
    labelled = load_calibration(checkpoint)
    assert labelled.split == "test"
    run = CalibrateRun(checkpoint, normal=scores, force=True)
    (reason,) = calibrate_normal(run).report.against
    assert reason.startswith(f"{checkpoint / FILE} is of a labelled test split, which says more")
    assert load_calibration(checkpoint) == labelled
    assert calibrate_normal(replace(run, replace=True)).report.against == ()
    assert load_calibration(checkpoint).split == "normal"
    assert calibrate_normal(replace(run, force=False)).report.against == ()  # one like itself


@pytest.mark.parametrize("kind", ["another", "damaged"])
def test_a_calibration_that_nobody_uses_is_in_nobodys_way(checkpoint, scores, kind):
    made = calibrate_normal(CalibrateRun(checkpoint, normal=scores)).report.calibration
    if kind == "another":
        other = replace(made, split="test", recall=0.5, model_fingerprint="0" * 16)
        save_calibration(checkpoint, other)
    else:
        (checkpoint / FILE).write_text("{")
    assert calibrate_normal(CalibrateRun(checkpoint, normal=scores)).report.against == ()
    assert load_calibration(checkpoint) == made


def test_more_alarms_than_anybody_looks_at_are_not_installed(checkpoint, tmp_path):
    busy = hour("a", ())
    busy.score[:3600].reshape(-1, 40)[:, :16] = 0.6  # 90 in the hour
    header = ScoreHeader(
        ("normal", "fire"), load_checkpoint(checkpoint).fingerprint, "r" * 16, EventRule()
    )
    write_scores(tmp_path / "busy", header, label_all([busy], header))
    score = CalibrateRun(checkpoint, normal=tmp_path / "busy", false_alarms_per_hour=100.0)
    report = calibrate_normal(score).report
    assert report.calibration.rule.threshold > 0.6  # two fifths of the footage are no alarm
    (checkpoint / FILE).unlink()
    busy.score[:] = 0.1
    for number in range(70):
        busy.score[50 * number :][:5] = 0.6
    write_scores(tmp_path / "short", header, label_all([busy], header))
    run = CalibrateRun(
        checkpoint, normal=tmp_path / "short", false_alarms_per_hour=100.0, minimum_frames=5
    )
    report = calibrate_normal(run).report
    assert report.calibration.doubts == ("70 false alarms per hour are more than anybody looks at",)
    assert report.against == ("it is worth little; --force installs it nevertheless",)
    assert not (checkpoint / FILE).exists()
    assert calibrate_normal(replace(run, force=True)).report.against == ()
    assert load_calibration(checkpoint) == report.calibration


def test_mistakes_are_named(checkpoint, scores, trained, tmp_path):
    run = CalibrateRun(checkpoint, normal=scores)
    with pytest.raises(
        ValueError, match="--recall needs true events, and --normal is footage with"
    ):
        calibrate_normal(replace(run, recall=0.5))
    with pytest.raises(ValueError, match="--normal and --dataset are two kinds of footage"):
        calibrate_normal(replace(run, dataset="synthetic"))
    with pytest.raises(StoreError, match="no scores in .*gone; run `make score`"):
        calibrate_normal(replace(run, normal=tmp_path / "gone"))
    header = ScoreHeader(("normal", "fire"), "0" * 16, "r" * 16, EventRule())
    write_scores(tmp_path / "other", header, label_all([hour("a", ())], header))
    with pytest.raises(
        StoreError, match=r"other holds scores of another model \(0+\) than .*; give"
    ):
        calibrate_normal(replace(run, normal=tmp_path / "other"))
    header = replace(header, model_fingerprint=load_checkpoint(checkpoint).fingerprint)
    write_scores(tmp_path / "failed", header, [], [Failure(VideoItem("c", ""), "gone")])
    with pytest.raises(StoreError, match="failed holds no scored footage of any length"):
        calibrate_normal(replace(run, normal=tmp_path / "failed"))
    assert not (checkpoint / FILE).exists()
