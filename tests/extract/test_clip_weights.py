"""Names and files checked in words, weights by their digest, and files that hold code."""

import hashlib
import zipfile

import open_clip
import pytest
import torch
from safetensors.torch import load_file

from extract.clip_weights import (
    complete_recipe,
    is_torchscript,
    load_clip,
    only_weights,
    resolve_weights,
)
from extract.recipe import RECIPES, RecipeOptions, resolve_recipe

MODEL = "ViT-B-32-quickgelu"  # the kind of model for which archives with code are taken


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A weight file of open_clip's smallest ViT."""
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    torch.save(open_clip.create_model("ViT-S-32-alt").state_dict(), path)
    return path


def test_weights_are_named_by_the_hash_of_their_file(small_file):
    expected = hashlib.sha256(small_file.read_bytes()).hexdigest()
    assert resolve_weights("ViT-S-32-alt", str(small_file)) == expected
    assert resolve_weights("tiny", "") == "seed 0"


@pytest.mark.parametrize(
    ("model", "source", "message"),
    [
        ("ViT-B16", "openai", "unknown CLIP model 'ViT-B16'; did you mean .*ViT-B-16"),
        ("ViT-B-16", "openai", "use model ViT-B-16-quickgelu instead of ViT-B-16"),
        ("ViT-B-16-quickgelu", "laion400m_e32", "use model ViT-B-16 instead"),
        ("ViT-L-14", "openai", "use model ViT-L-14-quickgelu instead"),
        ("ViT-B-16", "laion400m_e99", "unknown tag: 'laion400m_e99'; ViT-B-16 has .*laion400m_e32"),
        ("ViT-B-16", "/nowhere/weights.pt", "no such weight file: '/nowhere/weights.pt'"),
        ("ViT-B-16", "", "needs weights"),
        ("tiny", "openai", "takes no weights"),
    ],
)
def test_a_wrong_name_is_answered_in_words(model, source, message):
    with pytest.raises(ValueError, match=message):
        resolve_weights(model, source)


def test_a_file_that_does_not_fit_says_which_keys(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"backbone.weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"does not hold weights of ViT-S-32-alt.*Missing key"):
        load_clip("ViT-S-32-alt", str(path))


@pytest.mark.parametrize("content", [b"", b"not a weight file at all"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged\.pt does not hold weights"):
        load_clip("ViT-S-32-alt", str(path))


@pytest.mark.parametrize("name", ["damaged.safetensors", "damaged.bin"])
@pytest.mark.parametrize("content", [b"\xff" * 100, b"PK\x03\x04" + bytes(50)], ids=["junk", "zip"])
def test_a_damaged_file_of_any_suffix_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        ValueError, match=f"{name} does not hold weights of ViT-S-32-alt: it is dam"
    ):
        load_clip("ViT-S-32-alt", str(tmp_path / name))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_named(tmp_path, small_file, value):
    state = torch.load(small_file, weights_only=True)
    state["visual.proj"][3, 5] = value
    path = tmp_path / "overflown.pt"
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"overflown\.pt: visual\.proj hold values that are not f"):
        load_clip("ViT-S-32-alt", str(path))


class Bomb:
    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.parametrize(
    "disguise", ["", "weights/code/__torch__.py", "weights/constants.pkl", "other/code/x.py"]
)
def test_a_weight_file_runs_no_code_whatever_it_claims_to_be(tmp_path, capsys, disguise):
    path = tmp_path / "weights.pt"
    torch.save(Bomb(), path)
    if disguise:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(disguise, b"\x80\x02}.")
    with pytest.raises(ValueError, match=r"weights\.pt does not hold weights") as refused:
        load_clip(MODEL, str(path))
    assert "weights_only" not in str(refused.value)  # torch's advice is to run what it holds
    assert "boom" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_an_archive_gives_its_only_weights(tmp_path):
    path = tmp_path / "weights.pt"
    layer = torch.nn.Linear(3, 2)
    torch.jit.script(layer).save(path)
    assert is_torchscript(path)
    with only_weights(path) as plain:
        state = load_file(plain)
    assert torch.equal(state["weight"], layer.weight)
    assert not plain.exists()


def test_a_plain_file_is_itself(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(2)}, path)
    with only_weights(path) as plain:
        assert plain == path
    path.write_bytes(b"no archive")
    assert not is_torchscript(path)


def test_a_recipe_is_completed_with_weights_and_precision(small_file):
    recipe, source = complete_recipe(RECIPES["demo"], RecipeOptions())
    assert (recipe.weights, recipe.precision, source) == ("seed 0", "fp32", "")
    bf16, _ = complete_recipe(RECIPES["demo"], RecipeOptions(precision="bf16"))
    assert bf16.precision == "bf16"
    assert bf16.fingerprint != recipe.fingerprint
    options = RecipeOptions(clip="ViT-S-32-alt", weights=str(small_file))
    small, source = complete_recipe(resolve_recipe(options, "squash"), options, lambda: "fp16")
    assert (small.precision, source) == ("fp16", str(small_file))
    assert small.weights == resolve_weights("ViT-S-32-alt", str(small_file))


@pytest.mark.parametrize(
    ("model", "resize"),
    [
        ("ViT-L-14", "fit224-bicubic"),
        ("ViT-L-14-336", "fit336-bicubic"),
        ("PE-Core-L-14-336", "squash336-bilinear"),
        ("PE-Core-T-16-384", "squash384-bilinear"),
        ("ViT-B-16-SigLIP2-256", "squash256-bicubic"),
        ("MobileCLIP-S1", "fit256-bilinear"),
    ],
)
def test_the_native_recipe_is_what_open_clip_states_of_a_model(small_file, model, resize):
    options = RecipeOptions("native", clip=model, weights=str(small_file))
    recipe, _ = complete_recipe(resolve_recipe(options, "demo"), options)
    assert (recipe.resize, recipe.crops) == (resize, "centre")


def test_a_file_of_a_model_whose_tags_differ_is_warned_of(small_file, caplog):
    options = RecipeOptions("native", clip="ViT-H-14", weights=str(small_file))
    recipe, _ = complete_recipe(resolve_recipe(options, "demo"), options)
    assert recipe.resize == "fit224-bicubic"
    assert "tags of ViT-H-14 state different values of resize_mode" in caplog.text


@pytest.mark.long
@pytest.mark.parametrize(
    ("model", "mean", "filter"),
    [("PE-Core-T-16-384", 0.5, "bilinear"), ("ViT-B-32-SigLIP2-256", 0.5, "bicubic")],
)
def test_a_file_is_prepared_for_as_the_tags_of_its_model(tmp_path, model, mean, filter):
    torch.save(open_clip.create_model(model).state_dict(), tmp_path / "random.pt")
    found = open_clip.get_model_preprocess_cfg(load_clip(model, str(tmp_path / "random.pt")))
    assert (found["mean"][0], found["interpolation"]) == (mean, filter)
