"""The search for the recipe of a published feature file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extract.clip_models import check_model
from extract.encoder import load_encoder
from extract.protocol_search import Matching, match_features
from extract.recipe import RECIPES, weights_source
from model.device import device_named
from stores.files.arrays import read_array

if TYPE_CHECKING:
    from pipeline.commands.match_features import MatchFeaturesRun


def match(run: MatchFeaturesRun) -> Matching:
    """Rank every combination against a published file.

    Raises:
        StoreError: The file cannot be read.
        ValueError: No row to compare, or features that the video and model cannot give.
    """
    check_model(run.clip)
    published = read_array(run.published)
    if published.ndim == 3 and 1 in published.shape[:2]:  # [1,S,D] or [S,1,D]: one crop as well
        published = published.squeeze()
    recipe = replace(RECIPES["vadclip"], model=run.clip)
    source = weights_source(run.clip, run.weights)
    encoder = load_encoder(recipe, source, device_named(run.device))
    return match_features(str(run.video), published, encoder, rows=run.rows)


def advice(matching: Matching) -> str:
    """Return the options of `extract` that make the best match, or why there are none."""
    best = matching.best
    if best.image.matrix != matching.own_matrix:
        return (
            f"no recipe makes it: it was converted by {best.image.matrix}, and this video says "
            f"{matching.own_matrix}, which extraction follows"
        )
    options = (
        f"--recipe {best.image.recipe} --frames {best.frames} --channels {best.image.channels} "
        f"--tail {matching.tails[0]}"
    )
    if best.normalised in ("frames", "both"):
        options += " --l2-normalise"
    if best.normalised in ("rows", "both"):
        options += " but for the length of the rows: no recipe brings means to length 1"
    return options
