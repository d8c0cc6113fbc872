"""Recipes: chosen by options, told apart by their fingerprint, and read back."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from extract.recipe import (
    RECIPES,
    RecipeOptions,
    differences,
    recipe_from_json,
    resolve_recipe,
    weights_source,
)


def change(name, value):
    return json.dumps(json.loads(RECIPES["vadclip"].to_json()) | {name: value})


def test_options_change_what_they_name_and_nothing_else():
    assert resolve_recipe(RecipeOptions(), "demo") == RECIPES["demo"]
    options = RecipeOptions("vadclip", frames="first", channels="bgr", l2_normalise=True)
    expected = replace(RECIPES["vadclip"], frames="first", channels="bgr", l2_normalise=True)
    assert resolve_recipe(options, "demo") == expected


def test_both_spellings_of_the_centre_recipe_are_one():
    centre, center = (resolve_recipe(RecipeOptions(n), "demo") for n in ("centre", "center"))
    assert centre == center


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (RecipeOptions("vadclop"), r"unknown recipe 'vadclop'; there are centre, demo"),
        (RecipeOptions("demo", crops="ten"), "ten crops are cut from 340x256"),
        (RecipeOptions("centre", clip="ViT-B-99"), "unknown CLIP model 'ViT-B-99'"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        resolve_recipe(options, "demo")


def test_weights_are_openais_where_none_are_given():
    assert weights_source("ViT-B-16-quickgelu") == "openai"
    assert weights_source("ViT-B-16", "a.pt") == "a.pt"
    assert weights_source("tiny") == ""


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_read_back_and_differs_by_its_fields(name):
    recipe = RECIPES[name]
    assert recipe_from_json(recipe.to_json(), "a.h5") == recipe
    assert replace(recipe, name="other").fingerprint == recipe.fingerprint
    other = replace(recipe, weights="abc")
    assert other.fingerprint != recipe.fingerprint
    assert differences(recipe, other) == ["weights: '' != 'abc'"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "a.h5: not a recipe of this version"),
        ("[]", "a.h5: recipe: expected `object`, got `array`"),
        ("{", "damaged a.h5: recipe: expecting property name"),
        ("[" * 10_000, "damaged a.h5: recipe: maximum recursion"),
        (change("model", 5), "a.h5: recipe: model: expected `str`, got `int`"),
        (change("precision", "fp8"), "a.h5: recipe: precision: invalid enum value 'fp8'"),
        (change("crops", ["ten"]), "a.h5: recipe: crops: expected `str`, got `array`"),
        (change("l2_normalise", 1), "a.h5: recipe: l2_normalise: expected `bool`, got `int`"),
        (change("speed", 1), "a.h5: not a recipe of this version"),
    ],
)
def test_a_damaged_recipe_is_named_with_its_file_and_field(text, said):
    with pytest.raises(ValueError, match=said):
        recipe_from_json(text, "a.h5")


def test_options_are_there_without_torch():
    code = "import sys, extract.recipe, extract.decoders; print({'av', 'torch'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
