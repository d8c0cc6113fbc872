"""The probe's command: from two files to the options of an extraction."""

import numpy as np
import pytest

from extract.encoder import load_encoder
from extract.features import extract_video
from extract.recipe import RecipeOptions, resolve_recipe
from extract.video import read_chunks
from pipeline.commands.match_features import MatchFeaturesRun
from pipeline.stages.match_features import advice, match
from stores.datasets import base
from stores.records import VideoItem


@pytest.fixture
def video(footage):
    return next(path for path in base.find_videos(footage) if path.suffix == ".mp4")


def published(video, path, **choices):
    """Write the features that an extraction with these options makes of a video."""
    recipe = resolve_recipe(RecipeOptions(clip="tiny", **choices), "vadclip")
    encoder = load_encoder(recipe, "", "cpu")
    chunks = read_chunks(str(video), recipe)
    features = extract_video(VideoItem("v", str(video)), chunks, encoder, recipe, batch=64)
    np.save(path, features.segments[0])
    return path


@pytest.mark.slow
def test_the_options_it_says_make_the_file(video, tmp_path):
    choices = {"recipe": "squash", "frames": "middle", "channels": "bgr", "tail": "keep"}
    file = published(video, tmp_path / "hidden.npy", **choices)
    found = match(MatchFeaturesRun(video, file, clip="tiny", rows=4))
    said = advice(found)
    assert said.startswith("--recipe squash --frames middle --channels bgr --tail ")
    assert said.endswith(("drop", "keep"))


@pytest.mark.slow
def test_a_file_of_another_origin_is_not_explained(video, tmp_path):
    file = published(video, tmp_path / "hidden.npy", recipe="squash")
    random = np.random.default_rng(0).standard_normal(np.load(file).shape)
    np.save(file, random)
    assert not match(MatchFeaturesRun(video, file, clip="tiny", rows=4)).is_explained


@pytest.mark.slow
def test_mistakes_are_named(video, tmp_path):
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "whole.npy", np.ones((3, 64), dtype=np.int64))
    for name, said in (
        ("text.npy", "is no .npy file"),
        ("whole.npy", "holds int64, expected floa"),
    ):
        with pytest.raises(ValueError, match=said):
            match(MatchFeaturesRun(video, tmp_path / name, clip="tiny"))
    with pytest.raises(ValueError, match="gone.npy cannot be read"):
        match(MatchFeaturesRun(video, tmp_path / "gone.npy", clip="tiny"))
