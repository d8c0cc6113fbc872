"""A pipe where a file is expected: one line, and no waiting for somebody to write into it."""

import os

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def classes(tmp_path):
    """A folder of two classes of eight videos each, and a file of features; none is opened."""
    root = tmp_path / "classes"
    for label in ("fight", "normal"):
        (root / label).mkdir(parents=True)
        for number in range(8):
            (root / label / f"{number}.mp4").write_text("video")
    np.save(tmp_path / "rows.npy", np.zeros((3, 64), np.float32))
    return root


CALLS = {
    "videos.csv": "check-data {root} --dataset custom --out {out}",
    "videos.jsonl": "check-data {root} --dataset custom --out {out}",
    "dataset.yaml": "check-data {root} --dataset custom --out {out}",
    "list.csv": "check-data {pipe} --dataset custom --out {out}",
    "other.csv": "check-data {root} --dataset custom --lists {pipe} --out {out}",
    "other.yaml": "check-data {root} --dataset custom --lists {pipe} --out {out}",
    "annotations.txt": "check-data {root} --dataset xd --out {out}",
    "Temporal_Anomaly_Annotation.txt": "check-data {root} --dataset ucf --out {out}",
    "a.ckpt": "score --videos {root} --checkpoint {pipe} --out {out}",
    "checkpoint.safetensors": "score --videos {root} --checkpoint {root} --out {out}",
    "model.pth": "import-checkpoint {pipe} --dataset ucf --out {out}",
    "features.npy": "match-features {root}/fight/0.mp4 {pipe}",
    "a.mp4": "match-features {pipe} {root}/../rows.npy --clip tiny",
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", ["pipe", "lost link"])
def test_what_is_no_file_is_refused_by_its_name(classes, tmp_path, call, capsys, name, kind):
    pipe = classes / name
    if kind == "pipe":
        os.mkfifo(pipe)
    else:
        pipe.symlink_to("/nowhere")
    words = CALLS[name].format(root=classes, pipe=pipe, out=tmp_path / "out").split()
    assert call(*words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(pipe) in line
    assert "Traceback" not in line
