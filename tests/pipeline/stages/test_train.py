import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from model.checkpoint import FILE, load_checkpoint
from model.training.fit import STATE
from pipeline.commands.train import TrainRun
from pipeline.stages.train import train
from stores.records import StoreError


def digest(folder):
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def weights(folder):
    checkpoint = load_checkpoint(folder)
    return {name: tensor.numpy().tobytes() for name, tensor in checkpoint.state.items()}


@pytest.fixture(scope="session")
def trained(learnable):
    return train(TrainRun(out=learnable, epochs=12, force=True))


@pytest.mark.slow
def test_it_learns_and_writes_checkpoint_metrics_settings_and_events(trained):
    assert trained.trained
    assert trained.dataset == "synthetic"  # the one extracted last
    assert trained.metrics["auc"] > 0.9
    assert trained.samples == 32  # 40 videos less a fifth of each class, held out by video
    folder = trained.folder
    assert json.loads((folder / "metrics.json").read_text())["auc"] == trained.metrics["auc"]
    assert json.loads((folder / "checkpoint.json").read_text())["provenance"]["classes"][0]
    assert json.loads((folder / "train.json").read_text())["epochs"] == 12
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert {"loss/total", "loss/gather", "selection/metric"} <= set(events.Tags()["scalars"])
    assert not (folder / STATE).exists()


@pytest.mark.slow
def test_the_same_settings_are_not_trained_twice(trained, learnable):
    before = digest(trained.folder)
    again = train(TrainRun(out=learnable, epochs=12))
    assert not again.trained
    assert again.metrics == trained.metrics
    assert digest(trained.folder) == before


@pytest.mark.slow
def test_the_same_seed_makes_the_same_weights_and_another_does_not(linked, learnable, trained):
    same = train(TrainRun(out=linked, epochs=12))
    assert digest(same.folder) == digest(trained.folder)
    other = train(TrainRun(out=linked, epochs=12, seed=1))
    assert weights(other.folder) != weights(trained.folder)


@pytest.mark.slow
def test_killed_training_goes_on_to_the_same_weights(linked, trained):
    command = [sys.executable, "-m", "pipeline", "train", "--out", str(linked), "--epochs", "12"]
    state = linked / "synthetic" / "train" / STATE
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not state.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (linked / "synthetic" / "train" / FILE).exists()
    report = train(TrainRun(out=linked, epochs=12))
    assert report.steps == trained.steps
    assert digest(report.folder) == digest(trained.folder)


@pytest.mark.slow
def test_the_papers_protocol_chooses_on_the_test_split(linked):
    report = train(TrainRun(out=linked, epochs=2, protocol="paper"))
    assert report.samples == 40  # nothing is held out
    assert report.selection == pytest.approx(report.metrics["auc"])
    assert load_checkpoint(report.folder).provenance.protocol == "paper"


def test_mistakes_are_named(linked, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(StoreError, match="no features below .*run `make extract"):
        train(TrainRun(out=empty))
    with pytest.raises(StoreError, match="no features in .*DATASET=ucf"):
        train(TrainRun(out=empty, dataset="ucf"))
    with pytest.raises(ValueError, match="unknown preset 'smal'; there are msad, sht, small"):
        train(TrainRun(out=linked, preset="smal"))
    with pytest.raises(ValueError, match="device 'cuda' was asked for|unknown device"):
        train(replace(TrainRun(out=linked), device="cuda" if not _gpu() else "tpux"))


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()
