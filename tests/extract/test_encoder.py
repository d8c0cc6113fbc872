"""The encoder: names and files checked in words, precision, and weights that are what they say."""

import hashlib
from dataclasses import replace

import huggingface_hub.constants
import open_clip
import pytest
import torch

from extract.encoder import ClipEncoder, default_precision, load_clip, load_encoder, resolve_weights
from extract.recipe import RECIPES

DEMO = RECIPES["demo"]


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, 3, 224, 224), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A weight file of open_clip's smallest ViT, with weights drawn here."""
    model = open_clip.create_model("ViT-S-32-alt")
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    torch.save(model.state_dict(), path)
    return path, model.eval()


def test_the_demo_encoder_is_there_without_any_file(images):
    encoder = load_encoder(DEMO, "", "cpu")
    features = encoder.encode(images)
    assert features.shape == (4, encoder.width)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()


@pytest.mark.slow
def test_a_batch_gives_what_its_images_give_alone(images):
    encoder = load_encoder(DEMO, "seed 0", "cpu")
    alone = torch.cat([encoder.encode(image[None]) for image in images])
    torch.testing.assert_close(encoder.encode(images), alone, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_half_precision_stays_close_to_full(images):
    full = load_encoder(DEMO, "", "cpu").encode(images[:2])
    half = load_encoder(replace(DEMO, precision="bf16"), "", "cpu").encode(images[:2])
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    assert torch.cosine_similarity(half, full).min() > 0.99


@pytest.mark.slow
def test_a_local_file_gives_the_features_of_open_clip_itself(small_file, images):
    path, model = small_file
    recipe = replace(
        RECIPES["squash"], model="ViT-S-32-alt", weights=resolve_weights("ViT-S-32-alt", str(path))
    )
    encoder = load_encoder(recipe, str(path), "cpu")
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
    std = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
    with torch.no_grad():
        expected = model.encode_image((images / 255 - mean) / std)
    torch.testing.assert_close(encoder.encode(images), expected, atol=1e-4, rtol=1e-4)


def test_weights_are_named_by_the_hash_of_their_file(small_file):
    path, _ = small_file
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert resolve_weights("ViT-S-32-alt", str(path)) == expected
    assert resolve_weights("tiny", "") == "seed 0"


def test_other_weights_than_the_recipes_are_refused(small_file):
    path, _ = small_file
    recipe = replace(RECIPES["squash"], model="ViT-S-32-alt", weights="0" * 64)
    with pytest.raises(ValueError, match="made with weights 0000"):
        load_encoder(recipe, str(path), "cpu")


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


def test_without_internet_the_way_out_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="fetch the file elsewhere and give its path"):
        resolve_weights("ViT-B-32", "laion2b_s34b_b79k")


def test_a_model_of_another_size_sees_the_crop_resized(images):
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-S-32-alt", force_image_size=256).eval()
    ours = ClipEncoder(model, device=torch.device("cpu"), precision="fp32").encode(images)
    settings = open_clip.get_model_preprocess_cfg(model)
    mean, std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))
    resized = torch.nn.functional.interpolate(
        images / 255, (256, 256), mode="bicubic", antialias=True
    )
    with torch.no_grad():
        theirs = model.encode_image((resized - mean) / std)
    assert torch.cosine_similarity(ours, theirs).min() > 0.99999


@pytest.mark.slow
def test_the_default_precision_works_on_this_machine(images):
    recipe = replace(DEMO, precision=default_precision("cpu"))
    assert torch.isfinite(load_encoder(recipe, "", "cpu").encode(images)).all()


@pytest.mark.long
def test_fp16_agrees_with_full_precision_on_a_vit_b_16(images):
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-16-quickgelu").eval()
    device = torch.device("cpu")
    full = ClipEncoder(model, device=device, precision="fp32").encode(images)
    half = ClipEncoder(model, device=device, precision="fp16").encode(images)
    assert not torch.equal(half, full)
    assert torch.cosine_similarity(half, full).min() >= 0.999
