import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from extract.recipe import RECIPES
from pipeline.commands.evaluate import EvaluateRun, write_page
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.split import load_other_split, load_test_split
from pipeline.stages.train import train
from stores.features.catalog import open_catalog
from stores.features.feature_set import read_videos
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import StoreError

pytestmark = pytest.mark.slow  # it trains first

KINDS = {"normal": "Normal", "explosion": "Retrograde", "fighting": "Accident"}
MAP = {"Retrograde": "explosion", "Accident": "fighting"}


@pytest.fixture(scope="module")
def both(learnable, tmp_path_factory):
    """OUT with a trained checkpoint, and some of its test videos as those of another data set."""
    out = tmp_path_factory.mktemp("both")
    (out / "synthetic" / "features").mkdir(parents=True)
    for shard in (learnable / "synthetic" / "features").glob("shard-*.h5"):
        (out / "synthetic" / "features" / shard.name).hardlink_to(shard)
    train(TrainRun(out=out, epochs=1, preset="small", batch=2))
    catalog = open_catalog(out / "synthetic" / "features")
    videos = [
        replace(
            video,
            item=replace(
                video.item,
                labels=tuple(KINDS[label] for label in video.item.labels),
                events=tuple(replace(e, label=KINDS[e.label]) for e in video.item.events),
            ),
        )
        for video in read_videos([v for v in catalog.videos.values() if v.item.split == "test"])
        if set(video.item.labels) <= KINDS.keys()
    ]
    write_shard(out / "tad" / "features", catalog.recipe, videos)
    (out / "map.json").write_text(json.dumps(MAP))
    return out


def test_another_data_set_is_scored_under_the_checkpoints_classes(both):
    run = EvaluateRun(on="tad", classes=both / "map.json", out=both, device="cpu")
    other, own = load_other_split(run, "tad"), load_test_split(EvaluateRun(out=both, device="cpu"))
    labels = {video.item.labels for video in other.videos}
    assert labels == {("normal",), ("explosion",), ("fighting",)}
    found = {s.item.video_id: s for s in other.scored("cpu").scores}
    expected = [s for s in own.scored("cpu").scores if s.item.video_id in found]
    assert len(found) == len(expected) > 8
    for scores in expected:
        np.testing.assert_allclose(found[scores.item.video_id].score, scores.score, atol=1e-6)
    report = evaluate(run)
    assert report.folder == both / "tad" / "evaluation-of-synthetic"
    assert report.dataset == "tad"
    written = json.loads((report.folder / "metrics.json").read_text())
    assert written["metrics"]["auc"] == report.metrics["auc"]
    assert written["classes"][0] == "normal"
    assert written["trained_on"] == "synthetic"
    page = write_page(report)
    assert "<h1>tad by a model of synthetic, protocol heldout" in page.read_text()


def test_unmapped_classes_are_refused_by_name(both):
    with pytest.raises(StoreError, match="tad has classes .* none .*: Accident, Retrograde; write"):
        evaluate(EvaluateRun(on="tad", out=both, device="cpu"))


def test_features_of_another_recipe_are_refused_by_what_differs(both, tmp_path):
    shutil.copytree(both, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "tad" / "features"
    videos = list(read_videos(list(open_catalog(folder).videos.values())))
    for shard in folder.glob("shard-*.h5"):
        shard.unlink()
    recipe = replace(RECIPES["demo"], weights="seed 0", frames="first")
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), videos)
    with pytest.raises(StoreError, match="frames: 'first' != 'middle'; extract tad by the same"):
        evaluate(EvaluateRun(on="tad", classes=both / "map.json", out=tmp_path, device="cpu"))


def test_options_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(ValueError, match="give --dataset or --on"):
        evaluate(EvaluateRun(dataset="ucf", on="tad", out=tmp_path))
    with pytest.raises(ValueError, match="--classes maps the classes of another data set; give it"):
        evaluate(EvaluateRun(classes=tmp_path, out=tmp_path))
