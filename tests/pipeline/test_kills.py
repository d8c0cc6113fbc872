"""Commands without Ray, killed before every call that changes a name; the same one then goes on.

Those with Ray commit by the same writers, which `tests/stores/test_kills.py` kills.
"""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from model.checkpoint import FILE, load_checkpoint
from model.training.fit import STATE
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.report import ReportRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.train import train
from pipeline.views.report.build import write_report
from stores.datasets.synthetic import dataset as synthetic
from stores.datasets.synthetic.footage import write_video
from stores.records import EventRule, LabelledScores, ScoredEvent, VideoItem, VideoScores
from stores.scores.parts import folder_header
from stores.scores.reader import read_videos
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores


@pytest.fixture(autouse=True)
def one_thread():
    """A forked child has none of the threads that its parent would share a product with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_equal(ends):
    for end in ends:
        assert {
            name for name in end.keys() | ends[-1] if end.get(name) != ends[-1].get(name)
        } == set()


def score_two(folder, names, model):
    header = ScoreHeader(("normal", "fire"), model * 16, "r" * 16, EventRule())
    score = np.linspace(0, 1, 12, dtype=np.float32)
    results = [
        LabelledScores(
            VideoScores(
                item=VideoItem(name, f"/theirs/{name}"),
                times=np.arange(12) / 25,
                score=score,
                probabilities=np.stack([1 - score, score], axis=1),
            ),
            labels=np.ones(12, np.int32),
            label_probability=score,
            events=[ScoredEvent(6, 12, 0.24, 0.48, "fire", 1.0, 0.8)],
        )
        for name in names
    ]
    write_scores(folder / "scores", header, results)


@pytest.mark.long
def test_a_report(tmp_path, killed_everywhere, contents):
    """Over an earlier one of other videos, of which pictures, copies and data have to go."""
    before = tmp_path / "before"
    for number, name in enumerate("abc"):
        grey = (np.full((48, 64, 3), 9 * n, dtype=np.uint8) for n in range(12))
        write_video(before / "videos" / f"{name}.avi", grey, codec="mpeg4", fps=25, seed=number)

    def report(folder):
        run = ReportRun(scores=folder / "scores", videos=folder / "videos", proxies=True)
        return write_report(run).page.parent

    score_two(before, ["a.avi", "b.avi"], "m")
    report(before)
    for kind in ("scores", "events", "videos"):
        shutil.rmtree(before / "scores" / kind)
    score_two(before, ["b.avi", "c.avi"], "n")
    ends = []
    for folder in killed_everywhere(before, report):
        index = folder / "scores/report/data/index.js"
        for key in re.findall(r'"key":"(\w+)"', index.read_text()):  # a reader's way
            assert (index.parent / f"{key}.js").is_file()
        end = contents(report(folder))
        index = end.pop("data/index.js").decode()
        ends.append(end | {"index": re.sub(r'"written":"[^"]*"', "", index)})
    assert len(ends) > 30
    assert_equal(ends)
    assert len([name for name in ends[-1] if name.startswith("copies/")]) == 2


@pytest.mark.long
def test_a_training(linked, killed_everywhere, contents):
    """Its state after each epoch, its figures, its settings and its checkpoint."""
    run = {"epochs": 1, "preset": "small", "batch": 8}
    ends, with_state = [], 0
    for out in killed_everywhere(linked, lambda out: train(TrainRun(out=out, **run))):
        folder = out / "synthetic" / "train"
        with_state += (folder / STATE).is_file()
        if (folder / FILE).is_file():
            assert json.loads((folder / "checkpoint.json").read_text())["provenance"]["key"]
            assert (folder / "metrics.json").is_file()
        train(TrainRun(out=out, **run))
        end = contents(folder)
        figures = json.loads(end.pop("metrics.json"))
        del figures["seconds"]
        end.pop("train.json")
        ends.append(
            {name: data for name, data in end.items() if "tensorboard" not in name}
            | {"figures": figures}
        )
    assert with_state > 5
    assert_equal(ends)
    assert ends[-1].keys() == {"checkpoint.safetensors", "checkpoint.json", "figures"}


@pytest.mark.long
def test_an_evaluation_of_another_checkpoint(linked, killed_everywhere, contents):
    for seed in (1, 2):
        train(TrainRun(out=linked, epochs=1, preset="small", batch=8, seed=seed, force=True))
        if seed == 1:
            evaluate(EvaluateRun(out=linked))
    ends = []
    for out in killed_everywhere(linked, lambda out: evaluate(EvaluateRun(out=out))):
        folder = out / "synthetic" / "evaluation"
        if read_videos(folder) and (folder / "metrics.json").is_file():
            figures = json.loads((folder / "metrics.json").read_text())
            assert figures["model_fingerprint"] == folder_header(folder).model_fingerprint
            assert list(folder.glob("scores/part-*"))
        evaluate(EvaluateRun(out=out))
        ends.append(contents(folder))
    assert len(ends) > 8
    assert_equal(ends)
    assert json.loads(ends[-1]["metrics.json"])["model_fingerprint"] == (
        load_checkpoint(linked / "synthetic" / "train").fingerprint
    )


@pytest.mark.slow
def test_a_generated_data_set_over_another_one(tmp_path, killed_everywhere, contents):
    settings = synthetic.Settings(
        train_normal=1, train_anomalous=0, test_normal=0, test_anomalous=1, seconds=(0.4, 0.5)
    )
    (tmp_path / "before").mkdir()
    synthetic.generate(tmp_path / "before", 1, settings)
    ends = []
    for root in killed_everywhere(
        tmp_path / "before", lambda root: synthetic.generate(root, 2, settings)
    ):
        synthetic.generate(root, 2, settings)
        assert len(synthetic.discover(root)) == 2
        ends.append(contents(root))
    assert len(ends) > 8
    assert_equal(ends)
