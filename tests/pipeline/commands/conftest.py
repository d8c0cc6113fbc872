"""The real command line in this process, and a small training for the commands that need one."""

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands.train import TrainRun
from pipeline.stages.train import train


@pytest.fixture
def call():
    """Run a command and return its exit code."""

    def run(*arguments) -> int:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code

    return run


@pytest.fixture(scope="session")
def trained(learnable, tmp_path_factory) -> Path:
    """OUT with features that are easy to learn and a checkpoint that learned them for an epoch."""
    out = tmp_path_factory.mktemp("trained")
    features = out / "synthetic" / "features"
    features.mkdir(parents=True)
    for shard in (learnable / "synthetic" / "features").glob("shard-*.h5"):
        (features / shard.name).hardlink_to(shard)
    train(TrainRun(out=out, epochs=1, preset="small", batch=2))
    return out
