"""Published features as people share them, cut to a few videos."""

import numpy as np
import pytest

TEST = {"Abuse028_x264": (20, 165, 240), "Arson010_x264": (20, 100, 200), "Normal_Videos_003": (7,)}
TRAIN = ("Abuse001_x264", "Arson001_x264", "Normal_Videos001", "Normal_Videos002")


@pytest.fixture
def lists(tmp_path):
    """The published lists, cut to a few videos."""
    folder = tmp_path / "lists"
    folder.mkdir()
    train = [f"{name[:5]}/{name}.mp4" for name in TRAIN[:2]]
    train += [f"Training_Normal_Videos_Anomaly/{name}.mp4" for name in TRAIN[2:]]
    (folder / "Anomaly_Train.txt").write_text("\n".join(train))
    (folder / "Anomaly_Test.txt").write_text(
        "Abuse/Abuse028_x264.mp4\nArson/Arson010_x264.mp4\n"
        "Testing_Normal_Videos_Anomaly/Normal_Videos_003.mp4\n"
    )
    lines = [
        f"{name}.mp4  {name[:5]}  {truth[1]}  {truth[2]}  -1  -1"
        for name, truth in TEST.items()
        if len(truth) > 1
    ]
    (folder / "Temporal_Anomaly_Annotation.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def tree(tmp_path):
    """A tree of features as people share them: ten files a training video, one a test video."""
    random = np.random.default_rng(0)
    folder = tmp_path / "features"
    for name in TRAIN:
        (folder / name[:5]).mkdir(parents=True, exist_ok=True)
        for crop in range(10):
            rows = random.standard_normal((30, 512)).astype(np.float16)
            np.save(folder / name[:5] / f"{name}__{crop}.npy", rows)
    for name, (segments, *_) in TEST.items():
        np.save(folder / f"{name}__5.npy", random.standard_normal((segments, 512), np.float32))
    return folder
