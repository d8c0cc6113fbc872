import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from model.evaluation.metrics import frame_truth
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.train import train
from stores.features.catalog import open_catalog
from stores.files.roots import record_root, recorded_roots
from stores.records import StoreError
from stores.scores.reader import read_scores, read_videos

pytestmark = pytest.mark.slow  # it trains first


@pytest.fixture(scope="module")
def evaluated(learnable):
    train(TrainRun(out=learnable, epochs=12))
    return evaluate(EvaluateRun(out=learnable))


def test_figures_are_those_of_scikit_learn_on_the_parquet_it_wrote(evaluated, learnable):
    catalog = open_catalog(learnable / "synthetic" / "features")
    test = [v for v in catalog.videos.values() if v.item.split == "test"]
    found = read_scores(evaluated.folder, [v.item for v in test])
    scores = {each.item.video_id: each for each in found}
    truth = np.concatenate([frame_truth(v.item.events, v.frames) for v in test])
    score = np.concatenate([scores[v.item.video_id].score for v in test])
    assert evaluated.frames == len(score)
    assert evaluated.metrics["auc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert evaluated.metrics["ap"] == pytest.approx(
        average_precision_score(truth, score), abs=1e-12
    )


def test_evaluation_repeats_what_training_said_and_writes_it_down(evaluated, learnable):
    trained = json.loads((learnable / "synthetic" / "train" / "metrics.json").read_text())
    for name, value in evaluated.metrics.items():
        assert value == pytest.approx(trained[name], abs=1e-9)
    written = json.loads((evaluated.folder / "metrics.json").read_text())
    assert written["metrics"] == evaluated.metrics
    assert written["figures"] == evaluated.figures
    assert written["figures"]["ap_step"] == evaluated.metrics["ap"]
    assert written["figures"]["within_video_count"] == 8
    mean = np.mean(list(written["category_auc"].values()))
    assert written["figures"]["category_auc"] == pytest.approx(mean)
    assert len(read_videos(evaluated.folder)) == evaluated.videos == 16


def test_evaluating_again_replaces_the_scores(evaluated, learnable):
    record_root(learnable / "synthetic" / "features", learnable / "videos")
    again = evaluate(EvaluateRun(out=learnable, page=False))
    assert len(read_videos(again.folder)) == 16
    assert recorded_roots(again.folder) == (str(learnable / "videos"),)


def test_mistakes_are_named(tmp_path, learnable, evaluated):
    with pytest.raises(StoreError, match="no checkpoint below .*run `make train` first"):
        evaluate(EvaluateRun(out=tmp_path))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "checkpoint.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(StoreError, match="is damaged or no checkpoint"):
        evaluate(EvaluateRun(checkpoint=broken, out=learnable))
