"""Search by text: the segments of extracted features that a text describes best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extract.recipe import TINY_MODEL, Recipe, recipe_from_json, weights_source
from model.scoring.moments import Moment, ranked, similarities, video_moments
from pipeline.stages.text_side import load_text_side
from pipeline.stages.zero_shot import DEMO_NOTE
from stores.features.catalog import Catalog, open_catalog
from stores.features.shards import read_segments, read_times
from stores.records import StoreError

if TYPE_CHECKING:
    from pipeline.commands.search import SearchRun


@dataclass(frozen=True, slots=True)
class SearchReport:
    """The best moments, the likest first, of how many videos, and what has to be said of them."""

    folder: Path
    text: str
    videos: int
    moments: list[Moment]
    caution: str = ""


def search(run: SearchRun) -> SearchReport:
    """Return the moments of a folder of shards that ``run.text`` describes best.

    Raises:
        StoreError: No features, or a damaged shard.
        ValueError: No text or one too long, features of an encoder without a text side of CLIP's
            kind, or CLIP weights that are not those of the features.
    """
    if not run.text.strip():
        raise ValueError("the text to search for is empty")
    catalog = open_catalog(run.features)
    if not catalog.videos or catalog.recipe is None:
        raise StoreError(f"no features in {run.features}; give a folder that `extract` wrote")
    recipe = recipe_from_json(catalog.recipe.text, run.features)
    text = _text_feature(run, recipe)
    found = ranked(_moments(catalog, text, run.top, run.apart), run.top)
    caution = DEMO_NOTE if recipe.model == TINY_MODEL else ""
    return SearchReport(run.features, run.text, len(catalog.videos), found, caution)


def _text_feature(run: SearchRun, recipe: Recipe) -> NDArray[np.float32]:
    """Return the text's feature by the CLIP that the features were made with."""
    side = load_text_side(recipe, weights_source(recipe.model, run.weights))
    feature: NDArray[np.float32] = side.tower.features([run.text])[0].numpy()
    return feature


def _moments(
    catalog: Catalog, text: NDArray[np.float32], most: int, apart: float
) -> Iterator[Moment]:
    """Yield the best moments of each video; no more than one video is in memory."""
    for video_id, video in catalog.videos.items():
        if video.width != len(text):
            raise ValueError(
                f"{video_id}: features of width {video.width}, and of the text {len(text)}: they "
                "are of another CLIP"
            )
        similarity = similarities(read_segments(video), text)
        yield from video_moments(video_id, similarity, read_times(video), most=most, apart=apart)
