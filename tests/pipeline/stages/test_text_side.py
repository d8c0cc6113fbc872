from dataclasses import replace

import numpy as np
import pytest

from extract.clip_weights import load_clip
from extract.recipe import RECIPES
from pipeline.stages.text_side import load_text_side

RECIPE = replace(RECIPES["demo"], weights="seed 0")


def test_texts_and_scale_are_those_of_the_encoder():
    side, clip = load_text_side(RECIPE, ""), load_clip("tiny", "")
    assert side.scale == pytest.approx(1 / 0.07, rel=1e-5)
    tokens = side.tower.tokens(["smoke"])
    padded = np.zeros((1, 77), dtype=np.int64)
    padded[:, : tokens.shape[1]] = tokens.numpy()
    expected = clip.encode_text(tokens.new_tensor(padded)).numpy()
    np.testing.assert_allclose(side.tower.features(["smoke"]).numpy(), expected, atol=1e-5)


def test_weights_that_are_not_the_features_own_are_refused():
    with pytest.raises(ValueError, match="weights '' of tiny are not those the features were made"):
        load_text_side(replace(RECIPE, weights="seed 1"), "")
