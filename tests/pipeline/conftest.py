"""Real files, real features and a real Ray for the stages; all of it small."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import ray

from extract.clip_weights import complete_recipe
from extract.recipe import RECIPES, RecipeOptions
from pipeline.commands.extract import ExtractRun
from pipeline.commands.train import TrainRun
from pipeline.stages.extract import extract
from pipeline.stages.train import train
from stores.datasets import base
from stores.datasets.synthetic import dataset as synthetic
from stores.datasets.ucf import part_of
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import DecodeAudit, Event, Failure, VideoFeatures, VideoItem

SETTINGS = synthetic.Settings(
    train_normal=4, train_anomalous=4, test_normal=2, test_anomalous=4, seconds=(2.0, 4.0)
)


@pytest.fixture(autouse=True)
def no_cluster_of_the_user(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture(scope="session")
def footage(tmp_path_factory) -> Path:
    """The root of a small generated data set: 14 videos of 2 to 4 s in every codec."""
    root = tmp_path_factory.mktemp("footage")
    synthetic.generate(root, 7, SETTINGS)
    return root


@pytest.fixture(scope="session")
def extracted(footage, tmp_path_factory) -> Path:
    """OUT with the features of the small data set, extracted by the real stage."""
    os.environ.pop("RAY_ADDRESS", None)
    out = tmp_path_factory.mktemp("out")
    report = extract(ExtractRun(root=footage, out=out, videos_per_shard=4))
    assert report.failures == ()
    return out


@pytest.fixture(scope="session")
def checkpoint(extracted) -> Path:
    """A checkpoint for the small footage: barely trained, which scoring does not mind."""
    return train(TrainRun(out=extracted, epochs=1, preset="small", batch=2)).folder


@pytest.fixture(scope="module")
def local_ray():
    """A Ray of two cores for the tests of one file."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def learnable(tmp_path_factory) -> Path:
    """OUT with made-up features of the synthetic data set's shape that are easy to learn.

    Each class has a direction of its own; an anomaly fills some segments of its video with it.
    """
    out = tmp_path_factory.mktemp("learnable")
    dataset = base.load("synthetic")
    recipe, _ = complete_recipe(RECIPES[dataset.recipe], RecipeOptions())
    random = np.random.default_rng(0)
    directions = random.standard_normal((len(dataset.classes), 64))
    videos = []
    for split, count in (("train", 40), ("test", 16)):
        for number in range(count):
            label = 0 if number % 2 == 0 else 1 + number // 2 % (len(dataset.classes) - 1)
            segments = int(random.integers(20, 60))
            rows = random.standard_normal((1, segments, 64)) + directions[0]
            start = int(random.integers(0, segments - 10))
            if label:
                rows[:, start : start + 8] += 1.5 * directions[label]
            event = Event(16 * start, 16 * (start + 8), dataset.classes[label])
            truth = () if label == 0 else (event,)
            videos.append(
                VideoFeatures(
                    item=VideoItem(
                        video_id=f"{split}{number:02d}",
                        path="",
                        split=split,
                        labels=(dataset.classes[label],),
                        events=truth if split == "test" else None,
                    ),
                    segments=(0.4 * rows).astype(np.float16),  # as long as the demo's features
                    times=np.arange(16 * segments) / 25,
                    audit=DecodeAudit("pyav", 16 * segments, 16 * segments, 0.0),
                )
            )
    folder = out / "synthetic" / "features"
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), videos)
    return out


@pytest.fixture
def linked(learnable, tmp_path) -> Path:
    """A copy of that OUT for a test to train in: the shards are links."""
    features = tmp_path / "synthetic" / "features"
    features.mkdir(parents=True)
    for shard in (learnable / "synthetic" / "features").glob("shard-*.h5"):
        (features / shard.name).hardlink_to(shard)
    return tmp_path


@pytest.fixture
def partial(linked) -> Path:
    """The same OUT, in which three more test videos are listed that could not be read."""
    recipe, _ = complete_recipe(RECIPES["demo"], RecipeOptions())
    failures = [
        Failure(VideoItem(f"gone{n}", "", split="test", labels=("normal",), events=()), "gone")
        for n in range(3)
    ]
    folder = linked / "synthetic" / "features"
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), [], failures)
    return linked


@pytest.fixture(scope="session")
def demo_recipe():
    return RECIPES["demo"]


@pytest.fixture(scope="session")
def clip(shared_data, tmp_path_factory):
    """A real video of 32 frames, on the disk of the temporary folders so that it can be linked."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return Path(shutil.copy(shared_data / "videos" / "generic" / "part_0.mp4", path))


@pytest.fixture
def plant(clip):
    """Put a link to the clip somewhere."""

    def put(target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(clip, target)

    return put


def ucf_name(item, layout, number):
    """Return where the layout keeps a video."""
    name = f"{item.video_id}.mp4"
    if layout == "flattened":
        return name
    part = part_of(item)
    if part.startswith("Training"):
        return f"Training-Normal-Videos-Part-{1 + number % 2}/{name}"
    if part.startswith("Testing"):
        return f"Testing_Normal_Videos_Anomaly/{name}"
    return f"{part}/{item.labels[0]}/{name}"


@pytest.fixture
def ucf_tree(shared_data, tmp_path, plant):
    """Build a tree of UCF-Crime and return its root."""

    def build(layout="distributed"):
        root = tmp_path / layout
        lists = shared_data / "ucf"
        store = tmp_path / "store" if layout == "symlinked" else root
        probe = tmp_path / "probe"
        plant(probe / "Abuse001_x264.mp4")
        for number, item in enumerate(base.load("ucf").discover(probe, lists)):
            target = store / ucf_name(item, layout, number)
            plant(target)
            if layout == "symlinked":
                root.mkdir(exist_ok=True)
                (root / target.name).symlink_to(target)
            if layout == "distributed" and item.labels == ("Normal",) and number % 19 == 0:
                plant(root / "Normal_Videos_for_Event_Recognition" / target.name)
        shutil.rmtree(probe)
        return root

    return build


@pytest.fixture
def small_ucf(tmp_path, plant) -> Path:
    """A root with lists of three videos of UCF-Crime, and one of them."""
    root = tmp_path / "small"
    plant(root / "videos" / "Abuse001_x264.mp4")
    (root / "Anomaly_Train.txt").write_text("Abuse/Abuse001_x264.mp4\nAbuse/Abuse002_x264.mp4\n")
    (root / "Anomaly_Test.txt").write_text("Abuse/Abuse003_x264.mp4\n")
    (root / "Temporal_Anomaly_Annotation.txt").write_text("Abuse003_x264 Abuse 3 9 -1 -1\n")
    return root
