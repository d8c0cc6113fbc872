"""Every head from features to scores, through each command that takes a checkpoint."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from model.checkpoint import load_checkpoint
from model.heads import DEFAULT, base
from pipeline import load_scorer
from pipeline.commands.calibrate import CalibrateRun
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.events import EventsRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.train import TrainRun
from pipeline.options import EventOptions
from pipeline.stages.calibrate import calibrate
from pipeline.stages.evaluate import evaluate
from pipeline.stages.events import events
from pipeline.stages.score import score
from pipeline.stages.train import train

HEADS = [
    # Every other test of a command has the default one.
    pytest.param(name, marks=[pytest.mark.long] if name == DEFAULT else [])
    for name in base.names()
]


@pytest.fixture(params=HEADS)
def head(request):
    return request.param


@pytest.fixture
def trained(linked, head):
    return train(TrainRun(out=linked, head=head, epochs=12))


@pytest.mark.slow
def test_a_head_learns_and_its_checkpoint_is_evaluated_and_calibrated(linked, head, trained):
    assert trained.metrics["auc"] > 0.9
    assert load_checkpoint(trained.folder).head == head
    assert not train(TrainRun(out=linked, head=head, epochs=12)).trained
    evaluated = evaluate(EvaluateRun(out=linked))
    assert evaluated.metrics == pytest.approx(trained.metrics)
    assert calibrate(CalibrateRun(out=linked)).calibration.temperature is not None


@pytest.mark.slow
def test_weights_are_chosen_by_the_score_that_the_head_names(linked):
    # XD-Violence's preset of VadCLIP takes the fine one, on features as few as these too.
    run = TrainRun(out=linked, head="vadclip", protocol="paper", preset="xd", epochs=1, batch=8)
    report = train(run)
    assert report.selection == pytest.approx(report.metrics["auc_fine"])
    assert report.selection != pytest.approx(report.metrics["auc"])


@pytest.mark.ray
@pytest.mark.slow
def test_new_videos_are_scored_as_python_scores_them(linked, trained, clip, tmp_path):
    out = tmp_path / "scores"
    assert score(ScoreRun(videos=clip, checkpoint=trained.folder, out=out)).failures == ()
    frames = pq.read_table(out / "scores").to_pandas()
    result = load_scorer(trained.folder).score_video(clip)
    np.testing.assert_allclose(frames["score"], result.scores.score, atol=1e-5)
    np.testing.assert_allclose(
        frames["p_normal"],
        result.scores.probabilities[:, 0],
        atol=1e-5,
    )
    calibrate(CalibrateRun(out=linked, force=True))
    report = events(EventsRun(out, checkpoint=trained.folder, events=EventOptions(threshold=0.9)))
    assert report.changed == 1
