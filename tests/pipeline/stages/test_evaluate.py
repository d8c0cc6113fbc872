import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from scipy.special import softmax
from sklearn.metrics import average_precision_score, roc_auc_score

from extract.clip_weights import load_clip
from model.evaluation.metrics import frame_truth
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.train import train
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.feature_set import read_videos as read_features
from stores.features.shards import read_segments, write_shard
from stores.files.roots import record_root, recorded_roots
from stores.records import StoreError
from stores.scores.reader import read_scores, read_videos

pytestmark = pytest.mark.slow  # it trains first


@pytest.fixture(scope="module")
def evaluated(learnable):
    train(TrainRun(out=learnable, epochs=12))
    return evaluate(EvaluateRun(out=learnable, checkpoint=learnable / "synthetic" / "train"))


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


def test_zero_shot_clip_stands_beside_it_as_brute_force_has_it(evaluated, learnable):
    """One text a class, five segments together, CLIP's softmax; a window holds every video."""
    dataset, side = base.load("synthetic"), load_clip("tiny", "")
    with torch.inference_mode():
        tokens = SimpleTokenizer()([texts[0] for texts in dataset.prompts])
        text = side.encode_text(tokens, normalize=True).double().numpy()
    truths, scores = [], []
    for video in open_catalog(learnable / "synthetic" / "features").videos.values():
        if video.item.split == "test":
            rows = read_segments(video)[0].astype(np.float64)
            cosines = rows / np.linalg.norm(rows, axis=1, keepdims=True) @ text.T
            near = [cosines[max(i - 2, 0) : i + 3].mean(axis=0) for i in range(len(rows))]
            anomalous = 1 - softmax(np.array(near) / 0.07, axis=1)[:, 0]
            scores.append(np.repeat(anomalous, 16)[: video.frames])
            truths.append(frame_truth(video.item.events, video.frames))
    expected = roc_auc_score(np.concatenate(truths), np.concatenate(scores))
    rows = evaluated.baselines.rows
    assert rows["zero-shot CLIP"]["auc"] == pytest.approx(expected, abs=1e-4)
    assert rows["zero-shot CLIP, ensemble"].keys() == {"auc", "ap", "map"} | {"within_video_auc"}
    assert "random" in evaluated.baselines.note
    table = evaluated.baseline_table()
    assert [len(row) for row in table] == [5, 5, 5]
    assert table[0][1] == f"{100 * evaluated.metrics['auc']:.2f}"


def test_without_texts_of_their_width_or_where_not_wanted_it_is_left_out(learnable, tmp_path):
    catalog = open_catalog(learnable / "synthetic" / "features")
    narrow = [
        replace(video, segments=video.segments[..., :32])
        for video in read_features(list(catalog.videos.values()))
    ]
    write_shard(tmp_path / "synthetic" / "features", catalog.recipe, narrow)
    train(TrainRun(out=tmp_path, epochs=1, preset="small", batch=2))
    report = evaluate(EvaluateRun(out=tmp_path))
    assert report.baselines.rows == {}
    left_out = "zero-shot CLIP is left out: features are 32 wide, and texts of tiny 64"
    assert report.baselines.note == left_out
    assert evaluate(EvaluateRun(out=tmp_path, zero_shot=False)).baselines.note == ""


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
