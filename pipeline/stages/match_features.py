"""The command that finds the recipe of a published feature file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.encoder import check_model, load_encoder
from extract.protocol_search import Match, Matching, match_features
from extract.recipe import RECIPES, TINY_MODEL, Recipe
from model.device import device_named
from pipeline.settings import MatchRun
from stores.features.published import read_array


def match(run: MatchRun) -> Matching:
    """Rank every combination against a published file.

    Raises:
        StoreError: The file cannot be read.
        ValueError: No row to compare, or features that the video and model cannot give.
    """
    if run.rows < 1:
        raise ValueError(f"--rows is 1 or more, got {run.rows}")
    check_model(run.clip)
    published = _load(run.published)
    base = RECIPES["vadclip"]
    recipe = Recipe(
        name="probe",
        crops=base.crops,
        resize=base.resize,
        frames=base.frames,
        tail=base.tail,
        model=run.clip,
        weights="",
        precision="fp32",
    )
    source = run.weights or ("" if run.clip == TINY_MODEL else "openai")
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
    if best.normalised in ("rows", "both"):
        return (
            f"{_options(best, matching)} but for the length of the rows: no recipe brings means "
            "to length 1"
        )
    return _options(best, matching)


def _options(best: Match, matching: Matching) -> str:
    words = [f"--recipe {best.image.recipe}", f"--frames {best.frames}"]
    words.append(f"--channels {best.image.channels}")
    words.append(f"--tail {matching.tails[0]}")
    if best.normalised in ("frames", "both"):
        words.append("--l2-normalise")
    return " ".join(words)


def _load(path: Path) -> NDArray[np.floating]:
    """Return a file's rows; [1,S,D] and [S,1,D] are one crop as well."""
    published = read_array(path)
    return published.squeeze() if published.ndim == 3 and 1 in published.shape[:2] else published
