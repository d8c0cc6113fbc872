"""The paper's configuration on real CLIP features of real UCF-Crime videos, as far as three go."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.import_features import ImportFeaturesRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.import_features import import_features
from pipeline.stages.train import train

CLIP_FRAMES = 160
TEST_VIDEO = "Arson005_x264"
NORM = 10.0
"""Published features are not normalised, and CLIP's are about this long; these here have norm 1."""


def cut(folder: Path, root: Path) -> None:
    """Cut two videos into training clips, labelled by whether an anomaly shows; test on the third.

    A row a frame becomes a row a segment (the mean of 16), as in the recipe ``mean16``.
    """
    train, truth = [], []
    for path in sorted(folder.glob("*_x264.npy")):
        name = path.stem
        rows, anomalous = np.load(path), np.load(folder / f"{name}_frame_gt.npy") > 0
        segments = len(rows) // 16
        means = NORM * rows[: 16 * segments].reshape(segments, 16, -1).mean(axis=1)
        if name == TEST_VIDEO:
            np.save(root / f"{name}__5.npy", means)
            edges = np.flatnonzero(np.diff(np.pad(anomalous.astype(int), 1)))
            pairs = [*edges.tolist(), -1, -1, -1, -1][:4]
            truth.append(f"{name}.mp4  Arson  {'  '.join(map(str, pairs))}")
            continue
        for start in range(0, 16 * segments - CLIP_FRAMES + 1, CLIP_FRAMES):
            shows = anomalous[start : start + CLIP_FRAMES].any()
            kind = name[:5] if shows else "Normal"
            clip = f"{name}_{start:05d}"
            train.append(f"{kind}/{clip}.mp4")
            for crop in range(10):  # one view is all there is
                half = means[start // 16 : (start + CLIP_FRAMES) // 16].astype(np.float16)
                np.save(root / f"{clip}__{crop}.npy", half)
    (root / "Anomaly_Train.txt").write_text("\n".join(train))
    (root / "Anomaly_Test.txt").write_text(f"Arson/{TEST_VIDEO}.mp4\n")
    (root / "Temporal_Anomaly_Annotation.txt").write_text("\n".join(truth))


@pytest.mark.data
@pytest.mark.long
def test_training_and_scoring_on_real_features(shared_data, tmp_path):
    folder = shared_data / "features" / "ucf_clip_vitb16_frames"
    tree, out = tmp_path / "tree", tmp_path / "out"
    tree.mkdir()
    cut(folder, tree)
    imported = import_features(ImportFeaturesRun(tree, "ucf", out=out))
    assert (imported.new, imported.failures) == (15, ())

    torch.manual_seed(0)
    clip = open_clip.create_model("ViT-B-16-quickgelu", pretrained=None)
    torch.save(clip.state_dict(), tmp_path / "clip.pt")  # only its text tower is asked
    run = TrainRun(out=out, weights=str(tmp_path / "clip.pt"), epochs=1, batch=8)
    report = train(run)
    evaluated = evaluate(EvaluateRun(out=out))
    assert report.steps > 0
    assert (evaluated.videos, evaluated.frames) == (1, 16 * (1174 // 16))
    assert evaluated.metrics["auc"] == pytest.approx(report.metrics["auc"])
