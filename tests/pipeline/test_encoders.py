"""Other encoders than the published one, by name and with a weight file, from videos to scores."""

import open_clip
import pyarrow.parquet as pq
import pytest
import tokenizers
import torch
import transformers

from extract.recipe import RecipeOptions, recipe_from_json
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.extract import ExtractRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.search import SearchRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.extract import extract
from pipeline.stages.score import score
from pipeline.stages.search import search
from pipeline.stages.train import train
from stores.features.catalog import open_catalog

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def random_weights(tmp_path):
    """Write a file of random weights of a model and return its path."""

    def write(model):
        torch.manual_seed(0)
        torch.save(open_clip.create_model(model).state_dict(), tmp_path / "random.pt")
        return str(tmp_path / "random.pt")

    return write


@pytest.fixture
def tokeniser(hub, tmp_path):
    """Serve a tokeniser of few words as the one of a model."""

    def serve(repository):
        words = ["<pad>", "</s>", "<unk>", "a", "normal", "explosion", "fighting", "road"]
        plain = tokenizers.Tokenizer(
            tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>")
        )
        plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        plain.post_processor = tokenizers.processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=plain, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
        ).save_pretrained(tmp_path / "tokeniser")
        hub(tmp_path / "tokeniser", repository)

    return serve


def from_videos_to_scores(model, width, recipe, weights, *, footage, out):
    """Extract, train, evaluate and score with an encoder; return the recipe of its features."""
    options = RecipeOptions(recipe, clip=model, weights=weights, frames="middle", precision="fp32")
    assert extract(ExtractRun(root=footage, out=out, recipe=options)).failures == ()
    catalog = open_catalog(out / "synthetic" / "features")
    assert {video.width for video in catalog.videos.values()} == {width}
    trained = train(TrainRun(out=out, weights=weights, epochs=1, batch=2))
    assert evaluate(EvaluateRun(out=out)).frames > 0
    video = sorted((footage / "test").glob("*.mp4"))[0]
    scored = score(ScoreRun(videos=video, checkpoint=trained.folder, out=out / "scores"))
    assert scored.failures == ()
    assert len(pq.read_table(out / "scores" / "scores")) == scored.videos[0].frames
    return recipe_from_json(catalog.recipe.text, catalog.folder)


@pytest.mark.parametrize(
    ("model", "width", "recipe", "resize"),
    [
        ("ViT-L-14-quickgelu", 768, "centre", "short256"),
        ("ViT-L-14-quickgelu", 768, "native", "fit224-bicubic"),
        ("MobileCLIP-S1", 512, "centre", "short256"),
        ("PE-Core-T-16-384", 512, "native", "squash384-bilinear"),
        ("PE-Core-B-16", 1024, "native", "squash224-bilinear"),
    ],
)
def test_width_and_weights_follow_a_model_from_videos_to_scores(
    random_weights, footage, tmp_path, model, width, recipe, resize
):
    weights = random_weights(model)
    out = tmp_path / "out"
    found = from_videos_to_scores(model, width, recipe, weights, footage=footage, out=out)
    assert (found.model, found.resize) == (model, resize)
    moments = search(SearchRun(out / "synthetic" / "features", "a fight", weights=weights))
    assert len(moments.moments) == 10
    other = TrainRun(out=out, weights=weights, head="vadclip", name="vadclip", epochs=1, batch=2)
    assert train(other).metrics["auc"] > 0


def test_siglip2_goes_the_whole_way_with_dsanet_and_not_with_vadclip(
    random_weights, tokeniser, footage, tmp_path
):
    model, out = "ViT-B-32-SigLIP2-256", tmp_path / "out"
    weights = random_weights(model)
    tokeniser(f"timm/{model}")
    found = from_videos_to_scores(model, 768, "native", weights, footage=footage, out=out)
    assert found.resize == "squash256-bicubic"
    assert search(SearchRun(out / "synthetic" / "features", "a road", weights=weights)).moments
    run = TrainRun(out=out, weights=weights, head="vadclip", name="vadclip", epochs=1, batch=2)
    said = f"head vadclip cannot have {model}: its texts have no end token"
    with pytest.raises(ValueError, match=said):
        train(run)


def test_siglip_is_extracted_without_its_tokeniser(random_weights, footage, tmp_path):
    weights = random_weights("ViT-B-16-SigLIP")
    video = sorted((footage / "test").glob("*.mp4"))[0]
    recipe = RecipeOptions(clip="ViT-B-16-SigLIP", weights=weights, frames="first")
    run = ExtractRun(dataset="folder", root=video.parent, out=tmp_path, recipe=recipe)
    assert extract(run).failures == ()
    catalog = open_catalog(tmp_path / "folder" / "features")
    assert {video.width for video in catalog.videos.values()} == {768}
