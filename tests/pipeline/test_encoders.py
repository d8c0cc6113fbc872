"""Other encoders than the published one, by name and with a weight file, from videos to scores."""

import open_clip
import pyarrow.parquet as pq
import pytest
import torch

from extract.recipe import RecipeOptions
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.extract import ExtractRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.extract import extract
from pipeline.stages.score import score
from pipeline.stages.train import train
from stores.features.catalog import open_catalog

pytestmark = [pytest.mark.ray, pytest.mark.long]


@pytest.mark.parametrize(("model", "width"), [("ViT-L-14-quickgelu", 768), ("MobileCLIP-S1", 512)])
def test_width_and_weights_follow_a_model_from_videos_to_scores(model, width, footage, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "random.pt"
    torch.save(open_clip.create_model(model).state_dict(), weights)
    recipe = RecipeOptions(
        "centre", clip=model, weights=str(weights), frames="middle", precision="fp32"
    )
    run = ExtractRun(root=footage, out=tmp_path, recipe=recipe)
    assert extract(run).failures == ()
    catalog = open_catalog(tmp_path / "synthetic" / "features")
    assert {video.width for video in catalog.videos.values()} == {width}
    trained = train(TrainRun(out=tmp_path, weights=str(weights), epochs=1, batch=2))
    assert evaluate(EvaluateRun(out=tmp_path)).frames > 0
    video = sorted((footage / "test").glob("*.mp4"))[0]
    scored = score(ScoreRun(videos=video, checkpoint=trained.folder, out=tmp_path / "scores"))
    assert scored.failures == ()
    assert len(pq.read_table(tmp_path / "scores" / "scores")) == scored.videos[0].frames


def test_siglip_is_extracted(footage, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "random.pt"
    torch.save(open_clip.create_model("ViT-B-16-SigLIP").state_dict(), weights)
    video = sorted((footage / "test").glob("*.mp4"))[0]
    recipe = RecipeOptions(clip="ViT-B-16-SigLIP", weights=str(weights), frames="first")
    run = ExtractRun(dataset="folder", root=video.parent, out=tmp_path, recipe=recipe)
    assert extract(run).failures == ()
    catalog = open_catalog(tmp_path / "folder" / "features")
    assert {video.width for video in catalog.videos.values()} == {768}
