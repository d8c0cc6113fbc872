from dataclasses import replace

import numpy as np
import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from extract.clip_weights import load_clip, resolve_weights
from extract.recipe import RECIPES
from pipeline.commands.search import SearchRun
from pipeline.stages.search import search
from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import read_segments, write_shard
from stores.records import StoreError

TEXT = "smoke in a corridor"


def test_moments_are_those_of_brute_force(learnable):
    folder = learnable / "synthetic" / "features"
    report = search(SearchRun(folder, TEXT, top=25, apart=0.0))
    clip = load_clip("tiny", "")
    with torch.inference_mode():
        text = clip.encode_text(SimpleTokenizer()([TEXT]), normalize=True)[0].numpy()
    every = []
    for video_id, video in open_catalog(folder).videos.items():
        rows = read_segments(video)[0].astype(np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        every += [(value, video_id, 16 * i / 25) for i, value in enumerate((rows @ text).tolist())]
    expected = sorted(every, key=lambda each: (-each[0], each[1:]))[:25]
    assert report.videos == 56
    assert [(m.video_id, m.start) for m in report.moments] == [each[1:] for each in expected]
    np.testing.assert_allclose(
        [m.similarity for m in report.moments], [each[0] for each in expected], atol=1e-6
    )


def test_neighbours_are_shown_once(learnable):
    run = SearchRun(learnable / "synthetic" / "features", TEXT, top=200, apart=1000.0)
    report = search(run)
    names = [each.video_id for each in report.moments]
    assert len(names) == len(set(names)) == report.videos


@pytest.mark.long
def test_an_encoder_without_a_text_side_of_clips_kind_is_refused(tmp_path, make_features):
    model, weights = "coca_ViT-B-32", tmp_path / "random.pt"
    torch.save(open_clip.create_model(model).state_dict(), weights)
    digest = resolve_weights(model, str(weights))
    recipe = replace(RECIPES["centre"], model=model, weights=digest)
    folder = tmp_path / "features"
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), [make_features("a")])
    with pytest.raises(ValueError, match="coca_ViT-B-32 cannot be compared with texts: CoCa"):
        search(SearchRun(folder, TEXT, weights=str(weights)))


def test_what_does_not_go_together_is_refused(tmp_path, make_features):
    recipe = replace(RECIPES["demo"], weights="seed 0")
    write_shard(tmp_path, ShardRecipe(recipe.to_json(), recipe.fingerprint), [make_features("a")])
    with pytest.raises(ValueError, match=r"a: features of width \d+, and of the text 64"):
        search(SearchRun(tmp_path, TEXT))
    with pytest.raises(ValueError, match="the demo CLIP takes no weights"):
        search(SearchRun(tmp_path, TEXT, weights="openai"))
    with pytest.raises(ValueError, match="the text to search for is empty"):
        search(SearchRun(tmp_path, " "))
    with pytest.raises(StoreError, match="no features in .*gone"):
        search(SearchRun(tmp_path / "gone", TEXT))
